import { writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { CleanUp } from "../database.ts";
import { exchange } from "./exchange.ts";
import { runCommand } from "./install/command.ts";
import { rabbitmqInstall } from "./install/rabbitmq.ts";
import { extend, type Place, type Server, type ServerKind, startServer } from "./server.ts";

export interface RabbitMqOptions {
  /** Names of plugins, such as `rabbitmq_management` (HTTP on the port `management`). */
  readonly plugins?: readonly string[];
  /** Lines of rabbitmq.conf, beside the defaults. */
  readonly settings?: readonly string[];
}

export interface RabbitMqServer extends Server {
  /** `amqp://`, as the user guest. */
  readonly url: string;
  /** Runs `rabbitmqctl`; returns its output. */
  control(...args: readonly string[]): Promise<string>;
}

/** One RabbitMQ node; it starts in 12 seconds. */
export async function startRabbitMq(
  t: CleanUp,
  options: RabbitMqOptions = {},
): Promise<RabbitMqServer> {
  const server = await startServer(t, rabbitmqKind, options);
  return extend(server, {
    url: `amqp://guest:guest@127.0.0.1:${server.ports["amqp"]}`,
    control: (...args: readonly string[]) =>
      runCommand(join(dirname(server.installed.path), "rabbitmqctl"), args, {
        // where the node has written its cookie
        env: { ...nodeEnvironment(server), HOME: server.folder },
        timeoutMs: 60_000,
      }),
  });
}

/** By which the node and its tools find each other. */
function nodeEnvironment({ folder, ports }: Pick<Place, "folder" | "ports">) {
  return {
    ERL_EPMD_PORT: String(ports["names"]),
    ERL_EPMD_ADDRESS: "127.0.0.1",
    RABBITMQ_NODENAME: `weir${ports["amqp"]}@localhost`,
    RABBITMQ_CONF_ENV_FILE: join(folder, "rabbitmq-env.conf"),
  };
}

export const rabbitmqKind: ServerKind<RabbitMqOptions> = {
  install: rabbitmqInstall,
  ports: ["amqp", "management", "distribution", "names"],
  async prepare({ installed, folder, dataFolder, ports }, { plugins = [], settings = [] }) {
    const amqp = ports["amqp"] ?? 0;
    const hasManagement = plugins.includes("rabbitmq_management");
    const lines = [
      `listeners.tcp.default = 127.0.0.1:${amqp}`,
      ...(hasManagement ? [`management.tcp.ip = 127.0.0.1`] : []),
      ...(hasManagement ? [`management.tcp.port = ${ports["management"]}`] : []),
      ...settings,
    ];
    const file = (name: string) => join(folder, name);
    await writeFile(file("rabbitmq.conf"), `${lines.join("\n")}\n`);
    await writeFile(file("enabled_plugins"), `[${plugins.join(",")}].\n`);
    return {
      // Its own name server, in its process group: the one that Erlang starts by itself outlives it.
      command: "sh",
      args: ["-c", `epmd & exec "${installed.path}"`],
      env: {
        ...nodeEnvironment({ folder, ports }),
        // it then replaces the shell, and its process id is the node's
        RUNNING_UNDER_SYSTEMD: "true",
        RABBITMQ_DIST_PORT: String(ports["distribution"]),
        RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS: "-kernel inet_dist_use_interface {127,0,0,1}",
        RABBITMQ_MNESIA_BASE: dataFolder,
        RABBITMQ_LOG_BASE: folder,
        RABBITMQ_LOGS: "-",
        RABBITMQ_CONFIG_FILE: file("rabbitmq.conf"),
        RABBITMQ_ENABLED_PLUGINS_FILE: file("enabled_plugins"),
      },
    };
  },
  /** The greeting of AMQP 0-9-1; the answer is a method frame, Connection.Start. */
  async isHealthy({ ports }) {
    const answer = await exchange({
      port: ports["amqp"] ?? 0,
      request: Buffer.from("AMQP\0\0\u0009\u0001", "latin1"),
      isWhole: (received) => received.length >= 11,
    });
    return answer[0] === 1;
  },
};
