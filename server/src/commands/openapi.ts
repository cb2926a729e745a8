import type { Command } from "commander";
import { openApiDocument } from "../adapters/http/openapi.ts";
import { listRoutes } from "../compose/route-list.ts";
import { version } from "../process/version.ts";
import { contextOf } from "./context.ts";
import { withHelp } from "./help.ts";

export function registerOpenApi(program: Command): void {
  withHelp(
    program
      .command("openapi")
      .description("print the OpenAPI 3.1 document that the server serves at /openapi.json"),
    { examples: ["weir openapi > openapi.json"] },
  ).action(async (_options, command: Command) => {
    const { routes } = await listRoutes(contextOf(command).config);
    process.stdout.write(`${JSON.stringify(openApiDocument(routes, version), null, 2)}\n`);
  });
}
