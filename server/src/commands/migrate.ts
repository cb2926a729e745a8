import type { Command } from "commander";
import { migrate } from "../adapters/postgres/migrate.ts";
import { version } from "../process/version.ts";
import { contextOf } from "./context.ts";
import { databaseUrl } from "./database-command.ts";
import { withHelp } from "./help.ts";

export function registerMigrate(program: Command): void {
  withHelp(
    program
      .command("migrate")
      .description("apply missing migrations and changed SQL functions to the database"),
    {
      examples: ["WEIR_DATABASE_URL=postgres://… weir migrate"],
      notes: "Safe to run at any time, also from several machines at once.",
    },
  ).action(async (_options, command: Command) => {
    const { config, show } = contextOf(command);
    const { migrations, functions } = await migrate({
      url: databaseUrl(config),
      version,
      log: (message) => process.stderr.write(`${message}\n`),
    });
    const result = { applied: migrations, functions };
    show(result, () =>
      migrations.length + functions.applied.length === 0
        ? "The database is up to date."
        : `Applied ${migrations.length} migrations and ${functions.applied.length} functions.`,
    );
  });
}
