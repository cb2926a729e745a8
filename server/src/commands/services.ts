import type { Command } from "commander";
import { createService, listServices, updateService } from "../parts/auth/services.ts";
import { table } from "./context.ts";
import { administrationFor, withDatabase } from "./database-command.ts";
import { withHelp } from "./help.ts";

export function registerServices(program: Command): void {
  const services = withHelp(
    program.command("services").description("list, create and change services"),
    { examples: ["weir services list", "weir services create shop-android"] },
  );

  withHelp(
    services
      .command("list")
      .description("list all services with their roles and number of usable keys"),
    { examples: ["weir services list --json"] },
  ).action((_options, command: Command) =>
    withDatabase(command, async ({ database, show }) => {
      show(await listServices(database), (rows) =>
        table(
          ["service", "role", "keys", "extra", "revoked", "disabled"],
          rows.map((row) => [
            row.name,
            row.role,
            row.usable_keys,
            row.extra.join(" "),
            row.revoked.join(" "),
            row.disabled ? "yes" : "no",
          ]),
        ),
      );
    }),
  );

  withHelp(
    services
      .command("create <name>")
      .description("create a service that sends events or reads data")
      .option("--role <role>", "role of the service", "service"),
    { examples: ["weir services create shop-android --role service"] },
  ).action((name: string, { role }: { role: string }, command: Command) =>
    withDatabase(command, async (context) => {
      const created = await createService(administrationFor(context), { name, role });
      context.show(
        created,
        (service) =>
          `Created ${service.name} with role ${service.role}. Create a key with: weir keys create ${service.name}`,
      );
    }),
  );

  withHelp(
    services
      .command("update <name>")
      .description("change the role of a service, or disable or enable it")
      .option("--role <role>", "new role")
      .option("--disable", "reject all keys of the service, effective within a second")
      .option("--enable", "accept its keys again"),
    { examples: ["weir services update shop-android --disable"] },
  ).action((name: string, options: UpdateOptions, command: Command) =>
    withDatabase(command, async (context) => {
      const disabled =
        options.disable === true ? true : options.enable === true ? false : undefined;
      const changed = await updateService(administrationFor(context), name, {
        ...(options.role === undefined ? {} : { role: options.role }),
        ...(disabled === undefined ? {} : { disabled }),
      });
      context.show(
        changed,
        (service) =>
          `${service.name}: role ${service.role}, ${service.disabled ? "disabled" : "enabled"}`,
      );
    }),
  );
}

interface UpdateOptions {
  readonly role?: string;
  readonly disable?: boolean;
  readonly enable?: boolean;
}
