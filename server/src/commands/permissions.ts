import type { Command } from "commander";
import { addPermission, explainPermission, removePermission } from "../parts/auth/permissions.ts";
import type { PermissionChange } from "../parts/auth/schemas.ts";
import { UserError } from "./context.ts";
import { administrationFor, knownPermissions, withDatabase } from "./database-command.ts";

export function registerPermissions(program: Command): void {
  const permissions = program
    .command("permissions")
    .description("say which rule decides; add and remove extra and revoked permissions");

  permissions
    .command("explain <service> <permission>")
    .description("whether a service may, and which rule says so (revoked > extra > role > deny)")
    .addHelpText(
      "after",
      "\nExample:\n  $ weir permissions explain shop-web analytics.get.overview",
    )
    .action((...[service, permission, , command]: TwoNames) =>
      withDatabase(command, async ({ database, config, show }) => {
        const known = await knownPermissions(config);
        const answer = await explainPermission(database, { service, permission }, known);
        show(answer, ({ allowed, because, notes }) =>
          [
            `${allowed ? "allowed" : "denied"}: ${because}`,
            ...notes.map((note) => `  ${note}`),
          ].join("\n"),
        );
      }),
    );

  permissions
    .command("add <kind> <service> <permission>")
    .description("kind: extra (on top of the role) or revoked (taken away whatever gives it)")
    .addHelpText("after", '\nExample:\n  $ weir permissions add revoked shop-web "events.*.*"')
    .action((...[kind, service, permission, , command]: ThreeNames) =>
      withDatabase(command, async (context) => {
        const change = { service, permission, kind: readKind(kind) };
        const administration = administrationFor(context);
        const known = await knownPermissions(context.config);
        const { changed } = await addPermission(
          { ...administration, knownPermissions: () => known },
          change,
        );
        context.show({ ...change, changed }, () => (changed ? "Added." : "It was there already."));
      }),
    );

  permissions
    .command("remove <kind> <service> <permission>")
    .description("take an extra or revoked permission away again")
    .addHelpText("after", '\nExample:\n  $ weir permissions remove revoked shop-web "events.*.*"')
    .action((...[kind, service, permission, , command]: ThreeNames) =>
      withDatabase(command, async (context) => {
        const change = { service, permission, kind: readKind(kind) };
        await removePermission(administrationFor(context), change);
        context.show(change, () => "Removed.");
      }),
    );
}

function readKind(text: string): PermissionChange["kind"] {
  if (text === "extra" || text === "revoked") return text;
  throw new UserError(`"${text}" is neither extra nor revoked`, { exitCode: 2 });
}

/** What an action is called with: its arguments, its options, itself. */
type TwoNames = [string, string, unknown, Command];
type ThreeNames = [string, string, string, unknown, Command];
