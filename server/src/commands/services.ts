import type { Command } from "commander";
import { createService, listServices, updateService } from "../parts/auth/services.ts";
import { table } from "./context.ts";
import { administrationFor, withDatabase } from "./database-command.ts";

export function registerServices(program: Command): void {
  const services = program.command("services").description("list, create and change services");

  services
    .command("list")
    .description("all services with role and number of usable keys")
    .addHelpText("after", "\nExample:\n  $ weir services list --json")
    .action((_options, command: Command) =>
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

  services
    .command("create <name>")
    .description("register a sender or reader")
    .option("--role <role>", "what it may do", "service")
    .addHelpText("after", "\nExample:\n  $ weir services create shop-android --role service")
    .action((name: string, { role }: { role: string }, command: Command) =>
      withDatabase(command, async (context) => {
        const made = await createService(administrationFor(context), { name, role });
        context.show(
          made,
          (service) =>
            `${service.name} has role ${service.role}; next: weir keys create ${service.name}`,
        );
      }),
    );

  services
    .command("update <name>")
    .description("change a service's role, or disable and enable it")
    .option("--role <role>", "the new role")
    .option("--disable", "its keys stop working at once")
    .option("--enable", "its keys work again")
    .addHelpText("after", "\nExample:\n  $ weir services update shop-android --disable")
    .action((name: string, options: UpdateOptions, command: Command) =>
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
