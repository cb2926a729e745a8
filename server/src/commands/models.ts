import type { Command } from "commander";
import type { Database } from "../core/ports/database.ts";
import { addModel, announceModels, readModels, wantModel } from "../parts/models/model-store.ts";
import { forgetModel } from "../parts/models/remove-models.ts";
import { table, UserError } from "./context.ts";
import { type DatabaseContext, withDatabase } from "./database-command.ts";
import { withHelp } from "./help.ts";
import { type ModelRequest, modelToAdd, probeModel } from "./model-to-add.ts";

export function registerModels(program: Command): void {
  const models = withHelp(
    program.command("models").description("manage the embedders that compute the vectors"),
    { examples: ["weir models list"] },
  );

  withHelp(
    models
      .command("list")
      .description("list all models with their states; the live one answers searches"),
    { examples: ["weir models list"] },
  ).action((_: unknown, command: Command) => withDatabase(command, list));

  withHelp(
    models
      .command("add <kind> [folder]")
      .description("add a sentence-transformer from a folder (transformer) or an endpoint (http)")
      .option("--use", "make it the live model once its collections are filled")
      .option("--device <device>", "device of a transformer: auto, cpu or cuda", "auto"),
    {
      examples: ["weir models add transformer ./all-MiniLM-L6-v2 --use", "weir models add http"],
      notes: "The settings embeddings.http name the endpoint, its model and its key.",
    },
  ).action((...[kind, folder, options, command]: AddArguments) =>
    withDatabase(command, (context) =>
      add(context, {
        request: { kind, folder, device: options.device },
        use: options.use === true,
      }),
    ),
  );

  withHelp(
    models
      .command("use <id>")
      .description("make a model the live one once its collections are filled"),
    { examples: ["weir models use lsa-6052497947fa883a"] },
  ).action((...[id, , command]: [string, unknown, Command]) =>
    withDatabase(command, async ({ database, show }) => {
      if (!(await wantModel(database, id))) throw await unknownModel(database, id);
      show(
        { wanted: id },
        () => `${id} goes live as soon as it is filled. Progress: weir models list`,
      );
    }),
  );

  withHelp(
    models
      .command("remove <id>")
      .description("remove a model and its collections; the live model cannot be removed"),
    { examples: ["weir models remove lsa-6052497947fa883a"] },
  ).action((...[id, , command]: [string, unknown, Command]) =>
    withDatabase(command, async ({ database, show }) => {
      const outcome = await forgetModel(database, id);
      if (outcome === "unknown") throw await unknownModel(database, id);
      if (outcome === "live") {
        throw new UserError(`${id} is live and answers every search`, {
          hint: 'make another model live first, with "weir models use"',
        });
      }
      show({ removed: id }, () => `Removed ${id}.`);
    }),
  );
}

type AddArguments = [
  kind: string,
  folder: string | undefined,
  options: { readonly use?: boolean; readonly device: string },
  command: Command,
];

async function list({ database, show }: DatabaseContext): Promise<void> {
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
}

async function add(
  { database, config, show }: DatabaseContext,
  { request, use }: { readonly request: ModelRequest; readonly use: boolean },
): Promise<void> {
  const { stored, settings } = modelToAdd(request, config);
  const probed = await probeModel(stored);
  const { id, dimension } = probed;
  if ((await readModels(database)).some((model) => model.id === id)) {
    throw new UserError(`${id} exists already`, {
      hint: `make it the live model with "weir models use ${id}"`,
    });
  }
  await addModel(
    database,
    {
      ...probed,
      kind: stored.kind,
      file: null,
      settings,
      automatic: false,
      corpusTexts: null,
      wanted: use,
    },
    config.stream.events_collection ? ["products", "users", "events"] : ["products", "users"],
  );
  await announceModels(database);
  const next = use ? "It goes live as soon as it is filled." : `Then run: weir models use ${id}`;
  show(
    { added: id, dimension },
    () =>
      `Added ${id} with ${dimension} dimensions. The part "stream" is filling it (see weir models list). ${next}`,
  );
}

async function unknownModel(database: Database, id: string): Promise<UserError> {
  const known = (await readModels(database)).map((model) => model.id);
  return new UserError(`there is no model "${id}"`, {
    hint: `known models: ${known.join(", ") || "none"}`,
  });
}
