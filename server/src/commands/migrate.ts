import type { Command } from "commander";
import { firstKeyOf } from "../process/first-key.ts";
import { type Prepared, prepareDatabase } from "../process/prepare-database.ts";
import { contextOf } from "./context.ts";
import { databaseUrl } from "./database-command.ts";
import { withHelp } from "./help.ts";

interface MigrateFlags {
  readonly adminKeyFile?: string;
}

export function registerMigrate(program: Command): void {
  withHelp(
    program
      .command("migrate")
      .description(
        "prepare the database: logins, tables, functions, roles and the first administrator key",
      )
      .option(
        "--admin-key-file <path>",
        "file for the first administrator key, mode 0600; a key that it holds already is used",
      ),
    {
      examples: [
        "WEIR_DATABASE_URL=postgres://… weir migrate",
        "WEIR_ENV=production weir migrate --admin-key-file /etc/weir/admin.key",
        "WEIR_ADMIN_KEY_FILE=/run/secrets/admin.key weir migrate",
      ],
      notes:
        "Safe to run at any time, also from several machines at once. The passwords in WEIR_DATABASE_APP_URL and\n" +
        "WEIR_DATABASE_INGEST_URL become those of weir_app and weir_ingest. Without a file for it, the first\n" +
        "administrator key is printed once.",
    },
  ).action(async ({ adminKeyFile }: MigrateFlags, command: Command) => {
    const { config, show } = contextOf(command);
    const log = (message: string) => process.stderr.write(`${message}\n`);
    let done: Done | undefined;
    let isShown = false;
    const showResult = (key: string | undefined) => {
      if (done === undefined) return;
      isShown = true;
      show(resultOf(done, { key, file: adminKeyFile }), textOf);
    };
    const { adminKey } = await prepareDatabase({
      config,
      owner: databaseUrl(config),
      // shown before it is committed: a key that is stored and was never seen would be lost
      firstKey: firstKeyOf(config, { file: adminKeyFile, show: showResult }),
      onPrepared: (prepared) => {
        done = prepared;
      },
      log,
    });
    if (adminKey.warning !== undefined) log(`warning: ${adminKey.warning}`);
    if (!isShown) showResult(adminKey.key);
  });
}

type Done = Omit<Prepared, "adminKey">;

function resultOf(
  { migrations, functions, logins, policies }: Done,
  { key, file }: { readonly key: string | undefined; readonly file: string | undefined },
) {
  const isNew = key !== undefined;
  return {
    applied: migrations,
    functions,
    logins,
    roles: policies,
    /** The new key, unless it is in a file. */
    admin_key: isNew && file === undefined ? key : null,
    admin_key_file: isNew && file !== undefined ? file : null,
  };
}

function textOf(result: ReturnType<typeof resultOf>): string {
  const { applied, functions, roles, admin_key: key, admin_key_file: file } = result;
  const lines: string[] = [];
  if (applied.length + functions.applied.length > 0) {
    lines.push(`Applied ${applied.length} migrations and ${functions.applied.length} functions.`);
  }
  if (roles.kept.length > 0) {
    lines.push(`Roles that were changed at run time are kept: ${roles.kept.join(", ")}.`);
  }
  if (file !== null) lines.push(`The administrator key is in ${file}, readable by you only.`);
  if (key !== null) lines.push(`Administrator key, shown only now: ${key}`);
  return lines.length === 0 ? "The database is up to date." : lines.join("\n");
}
