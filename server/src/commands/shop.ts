import type { Command } from "commander";
import { separationStatements } from "../adapters/postgres/separate-databases.ts";
import { prepareShop, separateDatabases } from "../process/shop/prepare.ts";
import { contextOf } from "./context.ts";
import { databaseUrl } from "./database-command.ts";
import { withHelp } from "./help.ts";

interface PrepareFlags {
  readonly print?: boolean;
}

export function registerShop(program: Command): void {
  const shop = withHelp(program.command("shop").description("the shop of `weir up --shop`"), {
    examples: ["weir shop prepare --print"],
  });
  withHelp(
    shop
      .command("prepare")
      .description("create the shop's databases, their roles, and its services and keys in Weir")
      .option("--print", "print the statements for an administrator, and change nothing"),
    {
      examples: [
        "WEIR_DATABASE_URL=postgres://… weir shop prepare",
        "weir shop prepare --print | psql postgres://administrator@…",
      ],
      notes:
        "`weir up --shop` does the same at its start. With an external PostgreSQL the owner of Weir's database needs CREATEROLE\n" +
        "and CREATEDB for it; otherwise an administrator runs what --print prints. Passwords are printed as SCRAM verifiers.",
    },
  ).action(async ({ print }: PrepareFlags, command: Command) => {
    const { config, show } = contextOf(command);
    if (print === true) {
      const statements = await separationStatements(separateDatabases(config), "weir");
      show({ statements }, () => statements.map((statement) => `${statement};`).join("\n"));
      return;
    }
    const isEmbedded = config.database.url === null;
    const done = await prepareShop({ config, urls: { owner: databaseUrl(config) }, isEmbedded });
    show({ done }, () => (done.length === 0 ? "The shop is prepared." : done.join("\n")));
  });
}
