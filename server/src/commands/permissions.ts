import type { Command } from "commander";
import { addPermission, explainPermission, removePermission } from "../parts/auth/permissions.ts";
import type { PermissionChange } from "../parts/auth/schemas.ts";
import { exitCodes, UserError } from "./context.ts";
import { administrationFor, knownPermissions, withDatabase } from "./database-command.ts";
import { withHelp } from "./help.ts";

const kinds =
  "<kind> is extra (granted in addition to the role) or revoked (denied whatever grants it).";

export function registerPermissions(program: Command): void {
  const permissions = withHelp(
    program
      .command("permissions")
      .description("explain decisions; add and remove extra and revoked permissions"),
    { examples: ["weir permissions explain shop-web analytics.get.overview"] },
  );

  withHelp(
    permissions
      .command("explain <service> <permission>")
      .description("show whether a service has a permission, and which rule decides"),
    {
      examples: ["weir permissions explain shop-web analytics.get.overview"],
      notes:
        "The first rule that applies decides: revoked, extra, role; otherwise access is denied.",
    },
  ).action((...[service, permission, , command]: TwoNames) =>
    withDatabase(command, async ({ database, config, show }) => {
      const known = await knownPermissions(config);
      const answer = await explainPermission(database, { service, permission }, known);
      show(answer, ({ allowed, because, notes }) =>
        [`${allowed ? "allowed" : "denied"}: ${because}`, ...notes.map((note) => `  ${note}`)].join(
          "\n",
        ),
      );
    }),
  );

  withHelp(
    permissions
      .command("add <kind> <service> <permission>")
      .description("add an extra or revoked permission to a service"),
    { examples: ['weir permissions add revoked shop-web "events.*.*"'], notes: kinds },
  ).action((...[kind, service, permission, , command]: ThreeNames) =>
    withDatabase(command, async (context) => {
      const change = { service, permission, kind: readKind(kind) };
      const administration = administrationFor(context);
      const known = await knownPermissions(context.config);
      const { changed } = await addPermission(
        { ...administration, knownPermissions: () => known },
        change,
      );
      context.show({ ...change, changed }, () => (changed ? "Added." : "It existed already."));
    }),
  );

  withHelp(
    permissions
      .command("remove <kind> <service> <permission>")
      .description("remove an extra or revoked permission from a service"),
    { examples: ['weir permissions remove revoked shop-web "events.*.*"'], notes: kinds },
  ).action((...[kind, service, permission, , command]: ThreeNames) =>
    withDatabase(command, async (context) => {
      const change = { service, permission, kind: readKind(kind) };
      await removePermission(administrationFor(context), change);
      context.show(change, () => "Removed.");
    }),
  );
}

function readKind(text: string): PermissionChange["kind"] {
  if (text === "extra" || text === "revoked") return text;
  throw new UserError(`"${text}" is not a kind of permission`, {
    exitCode: exitCodes.usage,
    hint: "use extra or revoked",
  });
}

/** The arguments of an action: those of the command, its options, the command itself. */
type TwoNames = [string, string, unknown, Command];
type ThreeNames = [string, string, string, unknown, Command];
