/**
 * Real servers for development and CI: `npm run services -- <install|up|down|status> [names]`. They run as
 * unprivileged processes on ports of the loopback interface, and outlive this command.
 */
import { parseArgs } from "node:util";
import { InstallError } from "../../testing/servers/install/command.ts";
import { type Command, UsageError } from "./command.ts";
import { down } from "./down.ts";
import { install } from "./install.ts";
import { readPorts } from "./ports.ts";
import { status } from "./status.ts";
import { up } from "./up.ts";

const commands: Readonly<Record<string, { readonly help: string; readonly run: Command }>> = {
  install: { help: "install servers and tools into the cache", run: install },
  up: { help: "start servers and wait until they answer", run: up },
  down: { help: "stop servers and remove their data (--keep-data: not)", run: down },
  status: { help: "list the servers that run, and what is installed", run: status },
};

const usage = `Usage: npm run services -- <command> [names] [options]

${Object.entries(commands)
  .map(([name, { help }]) => `  ${name.padEnd(10)}${help}`)
  .join("\n")}

Options:
  --json              print JSON
  --port name=number  a fixed port: kafka=9092, or rabbitmq.management=15672 (repeatable)
  --keep-data         down: keep the data for the next up

Without names: install and up take all, down and status what runs.
Installs go to $WEIR_SERVICES_CACHE (default: below the user's cache folder; as root /var/cache/weir/services).
`;

process.exitCode = await main();

async function main(): Promise<number> {
  try {
    const { values, positionals } = parseArgs({
      allowPositionals: true,
      options: {
        help: { type: "boolean", short: "h" },
        json: { type: "boolean" },
        port: { type: "string", multiple: true },
        "keep-data": { type: "boolean" },
      },
    });
    const [name = "", ...names] = positionals;
    const command = commands[name];
    if (values.help === true || command === undefined) {
      const isAsked = values.help === true;
      (isAsked ? process.stdout : process.stderr).write(usage);
      return isAsked ? 0 : 2;
    }
    return await command.run({
      names,
      json: values.json === true,
      ports: readPorts(values.port ?? []),
      keepData: values["keep-data"] === true,
    });
  } catch (error) {
    if (!isExplained(error)) throw error;
    process.stderr.write(`${error.message}\n`);
    return error instanceof InstallError ? 1 : 2;
  }
}

/** Errors whose message is all that their reader needs. */
function isExplained(error: unknown): error is Error {
  const isArgument = (error as { code?: string }).code?.startsWith("ERR_PARSE_ARGS") === true;
  return error instanceof InstallError || error instanceof UsageError || isArgument;
}
