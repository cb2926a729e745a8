import type { Command } from "commander";
import { forgetModel, readModels, requestRebuild, wantModel } from "../stream/model-store.ts";
import { table, UserError } from "./context.ts";
import { withDatabase } from "./database-command.ts";

export function registerModels(program: Command): void {
  const models = program
    .command("models")
    .description("the embedders that make vectors of products");

  models
    .command("list")
    .description("every model with its state; the live one answers")
    .addHelpText("after", "\nExample:\n  $ weir models list")
    .action((_: unknown, command: Command) =>
      withDatabase(command, async ({ database, show }) => {
        const rows = await readModels(database);
        show({ models: rows }, () =>
          table(
            ["id", "kind", "dimension", "state", "corpus", "since", "problem"],
            rows.map((row) => [
              row.id,
              row.kind,
              row.dimension,
              row.wanted && row.state !== "live" ? `${row.state}, wanted` : row.state,
              row.corpus_texts,
              (row.live_at ?? row.created_at).toISOString(),
              row.error,
            ]),
          ),
        );
      }),
    );

  models
    .command("use <id>")
    .description("let a model answer; it goes live when its collections are filled")
    .addHelpText("after", "\nExample:\n  $ weir models use lsa-6052497947fa883a")
    .action((...[id, , command]: [string, unknown, Command]) =>
      withDatabase(command, async ({ database, show }) => {
        if (!(await wantModel(database, id))) throw await unknownModel(database, id);
        show({ wanted: id }, () => `${id} answers as soon as it is filled: weir models list`);
      }),
    );

  models
    .command("remove <id>")
    .description("remove a model and its collections; not the live one")
    .addHelpText("after", "\nExample:\n  $ weir models remove lsa-6052497947fa883a")
    .action((...[id, , command]: [string, unknown, Command]) =>
      withDatabase(command, async ({ database, show }) => {
        const outcome = await forgetModel(database, id);
        if (outcome === "unknown") throw await unknownModel(database, id);
        if (outcome === "live") {
          throw new UserError(`${id} is live: it answers every search`, {
            hint: 'let another one answer first, with "weir models use"',
          });
        }
        show({ removed: id }, () => `Removed ${id}.`);
      }),
    );
}

export function registerVectors(program: Command): void {
  program
    .command("vectors")
    .description("the points that similar products are found by")
    .command("rebuild")
    .description("make all points anew from the products and users; searches go on meanwhile")
    .addHelpText("after", "\nExample:\n  $ weir vectors rebuild")
    .action((_: unknown, command: Command) =>
      withDatabase(command, async ({ database, show }) => {
        const modelId = await requestRebuild(database);
        if (modelId === undefined) {
          throw new UserError("no model is live yet", {
            hint: 'the part "stream" makes one at its first start',
          });
        }
        const started = performance.now();
        for (;;) {
          const model = (await readModels(database)).find(({ id }) => id === modelId);
          if (model === undefined) throw new UserError(`${modelId} was replaced meanwhile`);
          if (model.error !== null) throw new UserError(`${modelId}: ${model.error}`);
          if (!model.rebuild) break;
          await new Promise((resolve) => setTimeout(resolve, waitEveryMs));
        }
        const milliseconds = Math.round(performance.now() - started);
        show(
          { model: modelId, milliseconds },
          () => `The points of ${modelId} were made anew in ${milliseconds} ms.`,
        );
      }),
    );
}

const waitEveryMs = 200;

async function unknownModel(
  database: Parameters<typeof readModels>[0],
  id: string,
): Promise<UserError> {
  const known = (await readModels(database)).map((model) => model.id);
  return new UserError(`there is no model "${id}"`, {
    hint: `known: ${known.join(", ") || "none"}`,
  });
}
