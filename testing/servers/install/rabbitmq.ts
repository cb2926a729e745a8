import { readdirSync } from "node:fs";
import { packagedInstall } from "./packages.ts";

/** The one on the PATH insists on the package's own user. */
const program = "/usr/lib/rabbitmq/bin/rabbitmq-server";

export const rabbitmqInstall = packagedInstall({
  name: "rabbitmq",
  packages: ["rabbitmq-server"],
  program,
  findVersion() {
    const folder = readdirSync("/usr/lib/rabbitmq/lib").find((name) => name.includes("server-"));
    return folder?.replace(/^.*server-/, "") ?? "unknown";
  },
  elsewhere: `install RabbitMQ 3.10 or newer at ${program}.`,
});
