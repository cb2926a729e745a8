import type { Command } from "commander";
import { createKey, listKeys, revokeKey } from "../parts/auth/keys.ts";
import { table } from "./context.ts";
import { administrationFor, withDatabase } from "./database-command.ts";
import { readInstant } from "./option-values.ts";

export function registerKeys(program: Command): void {
  const keys = program.command("keys").description("list, create and revoke API keys");

  keys
    .command("list [service]")
    .description("the keys of all services or of one; secrets are not kept and not shown")
    .addHelpText("after", "\nExample:\n  $ weir keys list shop-web")
    .action((service: string | undefined, _options, command: Command) =>
      withDatabase(command, async ({ database, show }) => {
        show(await listKeys(database, service), (rows) =>
          table(
            ["key", "service", "label", "state", "created", "expires", "last used"],
            rows.map((key) => [
              key.display,
              key.service,
              key.label,
              key.state,
              key.created_at,
              key.expires_at,
              key.last_used_at,
            ]),
          ),
        );
      }),
    );

  keys
    .command("create <service>")
    .description("make a key; it is shown once")
    .option("--label <text>", "where it is used")
    .option("--expires <instant>", "RFC 3339 instant at which it ends", readInstant)
    .option("--replaces <key id>", "the key that it follows; that one ends after the overlap")
    .option("--overlap <seconds>", "how long both work", Number)
    .addHelpText("after", '\nExample:\n  $ weir keys create shop-web --label "checkout, blue"')
    .action((service: string, options: CreateOptions, command: Command) =>
      withDatabase(command, async (context) => {
        const { label, expires, replaces, overlap } = options;
        const made = await createKey(administrationFor(context), {
          service,
          ...(label === undefined ? {} : { label }),
          ...(expires === undefined ? {} : { expiresAt: expires }),
          ...(replaces === undefined ? {} : { replaces }),
          ...(overlap === undefined ? {} : { overlapSeconds: overlap }),
        });
        context.show(made, ({ secret_key }) => `${secret_key}\n\nShown this once: keep it now.`);
      }),
    );

  keys
    .command("revoke <key>")
    .description("end a key at once, everywhere; takes its id or the shown form")
    .addHelpText("after", "\nExample:\n  $ weir keys revoke k4m2p9x7q3rt")
    .action((key: string, _options, command: Command) =>
      withDatabase(command, async (context) => {
        const id = key.startsWith("weir_") ? (key.split("_")[2] ?? key) : key;
        const revoked = await revokeKey(administrationFor(context), id);
        context.show(revoked, ({ display, service }) => `${display} of ${service} is revoked.`);
      }),
    );
}

interface CreateOptions {
  readonly label?: string;
  readonly expires?: Date;
  readonly replaces?: string;
  readonly overlap?: number;
}
