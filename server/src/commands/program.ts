import { Command, CommanderError } from "commander";
import { ConfigError } from "../config/config-error.ts";
import { WeirError } from "../core/errors.ts";
import { DatabaseError } from "../core/ports/database.ts";
import { version } from "../process/version.ts";
import { exitCodes, UserError } from "./context.ts";

type Register = (program: Command) => void;

/** In the order of the help. Loaded when asked for: a process keeps only what it runs in memory. */
const commands: Readonly<Record<string, () => Promise<Register>>> = {
  up: async () => (await import("./up.ts")).registerUp,
  serve: async () => (await import("./serve.ts")).registerServe,
  migrate: async () => (await import("./migrate.ts")).registerMigrate,
  doctor: async () => (await import("./doctor.ts")).registerDoctor,
  status: async () => (await import("./status.ts")).registerStatus,
  keys: async () => (await import("./keys.ts")).registerKeys,
  services: async () => (await import("./services.ts")).registerServices,
  permissions: async () => (await import("./permissions.ts")).registerPermissions,
  events: async () => (await import("./events.ts")).registerEvents,
  windows: async () => (await import("./windows.ts")).registerWindows,
  dlq: async () => (await import("./dlq.ts")).registerDlq,
  audit: async () => (await import("./audit.ts")).registerAudit,
  models: async () => (await import("./models.ts")).registerModels,
  vectors: async () => (await import("./models.ts")).registerVectors,
  "erase-user": async () => (await import("./erase-user.ts")).registerEraseUser,
  demo: async () => (await import("./demo.ts")).registerDemo,
  config: async () => (await import("./config.ts")).registerConfig,
  openapi: async () => (await import("./openapi.ts")).registerOpenApi,
};

/** Runs one command. Resolves with the exit code; a user's mistake is a sentence, never a stack. */
export async function runCommandLine(argv: readonly string[]): Promise<number> {
  try {
    const program = await createProgram(argv);
    await program.parseAsync([...argv], { from: "user" });
    return Number(process.exitCode ?? exitCodes.ok);
  } catch (error) {
    if (error instanceof CommanderError) {
      return error.exitCode === 0 ? exitCodes.ok : exitCodes.usage;
    }
    const { message, code } = sentence(error);
    process.stderr.write(`weir: ${message}\n`);
    return code;
  }
}

async function createProgram(argv: readonly string[]): Promise<Command> {
  const program = new Command("weir")
    .description("Weir: authorised events in, exact analytics out.")
    .version(version)
    .option("--json", "print machine-readable JSON")
    .option("--data <folder>", "where the data lies (default: ./.weir)")
    .showHelpAfterError("(add --help for what is possible)")
    .showSuggestionAfterError()
    .exitOverride()
    .addHelpText(
      "after",
      "\nExit codes: 0 done, 1 failed, 2 wrong usage, 3 differences found (audit).\nExample:\n  $ weir up",
    );
  // The words before the command are global options and their values; none is a command's name.
  const named = argv.find((word) => Object.hasOwn(commands, word));
  const wanted = named === undefined ? Object.values(commands) : [commands[named]];
  for (const load of wanted) (await load?.())?.(program);
  return program;
}

function sentence(error: unknown): { message: string; code: number } {
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
  const message = error instanceof Error ? error.message : String(error);
  return { message, code: exitCodes.failed };
}
