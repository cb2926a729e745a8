import type { Command } from "commander";
import type { Database } from "../core/ports/database.ts";
import { readModels, requestRebuild } from "../parts/models/model-store.ts";
import { poll } from "../timing/poll.ts";
import { pollIntervalMs, UserError } from "./context.ts";
import { withDatabase } from "./database-command.ts";
import { withHelp } from "./help.ts";

export function registerVectors(program: Command): void {
  const vectors = withHelp(
    program.command("vectors").description("manage the points of products and users"),
    { examples: ["weir vectors rebuild"] },
  );

  withHelp(
    vectors
      .command("rebuild")
      .description("recompute all points from the stored products and users"),
    { examples: ["weir vectors rebuild"], notes: "Searches are answered meanwhile." },
  ).action((_: unknown, command: Command) =>
    withDatabase(command, async ({ database, show }) => {
      const modelId = await requestRebuild(database);
      if (modelId === undefined) {
        throw new UserError("no model is live yet", {
          hint: 'the part "stream" creates one at its first start',
        });
      }
      const started = performance.now();
      await poll(() => isRebuilt(database, modelId), { everyMs: pollIntervalMs });
      const milliseconds = Math.round(performance.now() - started);
      show(
        { model: modelId, milliseconds },
        () => `Recomputed the points of ${modelId} in ${milliseconds} ms.`,
      );
    }),
  );
}

async function isRebuilt(database: Database, modelId: string): Promise<true | undefined> {
  const model = (await readModels(database)).find(({ id }) => id === modelId);
  // a newer model has replaced it: all points of that one are new
  if (model === undefined || model.state === "retired") return true;
  if (model.error !== null) throw new UserError(`${modelId}: ${model.error}`);
  return model.rebuild ? undefined : true;
}
