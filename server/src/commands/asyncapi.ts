import type { Command } from "commander";
import { asyncApiDocument } from "../adapters/http/asyncapi.ts";
import { version } from "../process/version.ts";
import { withHelp } from "./help.ts";

export function registerAsyncApi(program: Command): void {
  withHelp(
    program
      .command("asyncapi")
      .description(
        "print the AsyncAPI 3.0 document of topics and live feed, as served at /asyncapi.json",
      ),
    { examples: ["weir asyncapi > asyncapi.json"] },
  ).action(() => {
    process.stdout.write(`${JSON.stringify(asyncApiDocument(version), null, 2)}\n`);
  });
}
