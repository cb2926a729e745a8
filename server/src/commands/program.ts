import { Command, CommanderError } from "commander";
import { ConfigError } from "../config/config-error.ts";
import { messageOf, WeirError } from "../core/errors.ts";
import { DatabaseError } from "../core/ports/database.ts";
import { version } from "../process/version.ts";
import { exitCodes, UserError } from "./context.ts";
import { withHelp } from "./help.ts";
import { endWhenOutputCloses, flushOutput } from "./output.ts";
import { Stopped } from "./stopped.ts";

type Register = (program: Command) => void;

/** In the order of the help. Loaded on demand: a process keeps only its own modules in memory. */
const commands: Readonly<Record<string, () => Promise<Register>>> = {
  up: async () => (await import("./up.ts")).registerUp,
  serve: async () => (await import("./serve.ts")).registerServe,
  migrate: async () => (await import("./migrate.ts")).registerMigrate,
  doctor: async () => (await import("./doctor.ts")).registerDoctor,
  status: async () => (await import("./status.ts")).registerStatus,
  keys: async () => (await import("./keys.ts")).registerKeys,
  secrets: async () => (await import("./secrets.ts")).registerSecrets,
  services: async () => (await import("./services.ts")).registerServices,
  permissions: async () => (await import("./permissions.ts")).registerPermissions,
  events: async () => (await import("./events.ts")).registerEvents,
  windows: async () => (await import("./windows.ts")).registerWindows,
  engine: async () => (await import("./engine.ts")).registerEngine,
  readers: async () => (await import("./readers.ts")).registerReaders,
  relay: async () => (await import("./relay.ts")).registerRelay,
  intake: async () => (await import("./intake.ts")).registerIntake,
  dlq: async () => (await import("./dlq/dlq.ts")).registerDlq,
  subscriptions: async () =>
    (await import("./subscriptions/subscriptions.ts")).registerSubscriptions,
  audit: async () => (await import("./audit.ts")).registerAudit,
  models: async () => (await import("./models.ts")).registerModels,
  vectors: async () => (await import("./vectors.ts")).registerVectors,
  "erase-user": async () => (await import("./erase-user.ts")).registerEraseUser,
  "unblock-user": async () => (await import("./unblock-user.ts")).registerUnblockUser,
  demo: async () => (await import("./demo.ts")).registerDemo,
  shop: async () => (await import("./shop.ts")).registerShop,
  clock: async () => (await import("./clock.ts")).registerClock,
  config: async () => (await import("./config.ts")).registerConfig,
  completion: async () =>
    (await import("./completion/completion.ts")).registerCompletion(() => createProgram([])),
  openapi: async () => (await import("./openapi.ts")).registerOpenApi,
  asyncapi: async () => (await import("./asyncapi.ts")).registerAsyncApi,
};

/** Runs one command. Resolves with the exit code; errors of use are printed without a stack. */
export async function runCommandLine(argv: readonly string[]): Promise<number> {
  endWhenOutputCloses();
  const exitCode = await run(argv);
  await flushOutput();
  return exitCode;
}

async function run(argv: readonly string[]): Promise<number> {
  try {
    const program = await createProgram(argv);
    await program.parseAsync([...argv], { from: "user" });
    return Number(process.exitCode ?? exitCodes.ok);
  } catch (error) {
    if (error instanceof CommanderError) {
      return error.exitCode === 0 ? exitCodes.ok : exitCodes.usage;
    }
    if (error instanceof Stopped) return error.exitCode;
    const { message, code } = describe(error);
    process.stderr.write(`weir: ${message}\n`);
    return code;
  }
}

/** @param argv loads only the command that it names; without one, all */
export async function createProgram(argv: readonly string[]): Promise<Command> {
  const program = withHelp(
    new Command("weir")
      .description("Weir stores authorised events and turns them into exact analytics.")
      .version(version)
      .option("--json", "print JSON for scripts")
      .option("--data <folder>", "data folder (default: WEIR_DATA, or the nearest .weir upwards)")
      .showHelpAfterError("(use --help to list commands and options)")
      .showSuggestionAfterError()
      .configureOutput({
        outputError: (text, write) => write(text.replace(/^error: /, "weir: ")),
      })
      .exitOverride(),
    { examples: ["weir up", "weir up --help"], exitCodes: { 3: "differences found (audit)" } },
  );
  // The words before the command are global options and their values; none is a command's name.
  const named = argv.find((word) => Object.hasOwn(commands, word));
  const wanted = named === undefined ? Object.values(commands) : [commands[named]];
  for (const load of wanted) (await load?.())?.(program);
  return program;
}

function describe(error: unknown): { message: string; code: number } {
  if (error instanceof UserError) {
    const hint = error.hint === undefined ? "" : `\n      ${error.hint}`;
    return { message: `${error.message}${hint}`, code: error.exitCode };
  }
  if (error instanceof ConfigError) {
    return { message: error.message.replaceAll("\n", "\n      "), code: exitCodes.usage };
  }
  if (error instanceof WeirError) return { message: error.message, code: exitCodes.failed };
  if (error instanceof DatabaseError) {
    return { message: `the database: ${error.message}`, code: exitCodes.failed };
  }
  if (process.env["WEIR_INTERNAL_STACK"] !== undefined) throw error;
  return { message: messageOf(error), code: exitCodes.failed };
}
