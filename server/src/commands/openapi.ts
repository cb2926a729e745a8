import type { Command } from "commander";
import { openApiDocument } from "../adapters/http/openapi.ts";
import { createLogger } from "../adapters/telemetry/logger.ts";
import { createMetrics } from "../adapters/telemetry/metrics.ts";
import { assemble } from "../compose/http.ts";
import { version } from "../process/version.ts";
import { contextOf } from "./context.ts";

export function registerOpenApi(program: Command): void {
  program
    .command("openapi")
    .description("print the OpenAPI 3.1 document that the server serves at /openapi.json")
    .addHelpText("after", "\nExample:\n  $ weir openapi > openapi.json")
    .action(async (_options, command: Command) => {
      const { config } = contextOf(command);
      await using stack = new AsyncDisposableStack();
      const nowhere = "postgresql://nobody@localhost/nothing";
      const { routes } = await assemble({
        config: () => config,
        urls: { owner: nowhere, app: nowhere, ingest: nowhere },
        stack,
        logger: createLogger("error"),
        metrics: createMetrics("none"),
      });
      process.stdout.write(`${JSON.stringify(openApiDocument(routes, version), null, 2)}\n`);
    });
}
