import { randomBytes } from "node:crypto";
import type { Command } from "commander";
import { generateApiKey } from "../core/access/api-key.ts";
import { keyEnvironment } from "../parts/auth/administration.ts";
import { createKey, listKeys, revokeKey } from "../parts/auth/keys.ts";
import { contextOf, table } from "./context.ts";
import { administrationFor, withDatabase } from "./database-command.ts";
import { withHelp } from "./help.ts";
import { readCount, readInstant } from "./option-values.ts";

export function registerKeys(program: Command): void {
  const keys = withHelp(program.command("keys").description("list, create and revoke API keys"), {
    examples: ["weir keys list", "weir keys create shop-web"],
  });

  withHelp(
    keys
      .command("list [service]")
      .description("list the keys of one or all services; secrets are not stored"),
    { examples: ["weir keys list shop-web"] },
  ).action((service: string | undefined, _options, command: Command) =>
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

  withHelp(
    keys
      .command("create <service>")
      .description("create a key; it is shown once")
      .option("--label <text>", "where the key is used")
      .option("--expires <instant>", "RFC 3339 instant at which the key expires", readInstant)
      .option("--replaces <key id>", "key that it replaces, which expires after the overlap")
      .option("--overlap <seconds>", "time for which both keys work", readCount),
    { examples: ['weir keys create shop-web --label "checkout, blue"'] },
  ).action((service: string, options: CreateOptions, command: Command) =>
    withDatabase(command, async (context) => {
      const { label, expires, replaces, overlap } = options;
      const created = await createKey(administrationFor(context), {
        service,
        ...(label === undefined ? {} : { label }),
        ...(expires === undefined ? {} : { expiresAt: expires }),
        ...(replaces === undefined ? {} : { replaces }),
        ...(overlap === undefined ? {} : { overlapSeconds: overlap }),
      });
      context.show(
        created,
        ({ secret_key }) => `${secret_key}\n\nStore it now: it is not shown again.`,
      );
    }),
  );

  withHelp(
    keys
      .command("generate")
      .description("print a new key that no installation knows yet, for WEIR_ADMIN_KEY_FILE"),
    { examples: ["WEIR_ENV=production weir keys generate > admin.key"] },
  ).action((_options, command: Command) => {
    const { config, show } = contextOf(command);
    const { text } = generateApiKey(keyEnvironment(config.env), randomBytes);
    show({ secret_key: text }, ({ secret_key }) => secret_key);
  });

  withHelp(
    keys
      .command("revoke <key>")
      .description(
        "revoke a key, given by its id or as `weir keys list` shows it; effective within a second",
      ),
    { examples: ["weir keys revoke k4m2p9x7q3rt"] },
  ).action((key: string, _options, command: Command) =>
    withDatabase(command, async (context) => {
      const id = key.startsWith("weir_") ? (key.split("_")[2] ?? key) : key;
      const revoked = await revokeKey(administrationFor(context), id);
      context.show(revoked, ({ display, service }) => `Revoked ${display} of ${service}.`);
    }),
  );
}

interface CreateOptions {
  readonly label?: string;
  readonly expires?: Date;
  readonly replaces?: string;
  readonly overlap?: number;
}
