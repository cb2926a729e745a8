import { existsSync } from "node:fs";
import { join, resolve } from "node:path";
import type { Command } from "commander";
import { createEmbedder, type StoredModel } from "../adapters/embeddings/embedders.ts";
import { createResilience } from "../adapters/resilience/resilience.ts";
import { endpointOf, httpModel } from "../compose/embedders.ts";
import type { Config } from "../config/schema.ts";
import { EmbeddingError } from "../core/ports/embedder.ts";
import {
  addModel,
  announceModels,
  readModels,
  requestRebuild,
  wantModel,
} from "../parts/models/model-store.ts";
import { forgetModel } from "../parts/models/remove-models.ts";
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
    .command("add <kind> [folder]")
    .description("add a sentence-transformer of a folder (transformer), or an endpoint (http)")
    .option("--use", "let it answer as soon as it is filled")
    .option("--device <device>", "of a transformer: auto, cpu or cuda", "auto")
    .addHelpText(
      "after",
      "\nThe endpoint, its model and its key are those of the section embeddings.http." +
        "\n\nExamples:\n  $ weir models add transformer ./all-MiniLM-L6-v2 --use\n  $ weir models add http",
    )
    .action((...[kind, folder, options, command]: AddArguments) =>
      withDatabase(command, async ({ database, config, show }) => {
        const { stored, settings } = modelToAdd({ kind, folder, device: options.device }, config);
        const made = await probe(stored);
        const known = (await readModels(database)).some(({ id }) => id === made.id);
        if (known) {
          throw new UserError(`${made.id} is there already`, {
            hint: `let it answer with "weir models use ${made.id}"`,
          });
        }
        await addModel(
          database,
          {
            ...made,
            kind: stored.kind,
            file: null,
            settings,
            automatic: false,
            corpusTexts: null,
            wanted: options.use === true,
          },
          config.stream.events_collection ? ["products", "users", "events"] : ["products", "users"],
        );
        await announceModels(database);
        const next =
          options.use === true
            ? "it answers as soon as it is filled"
            : `when it is ready: weir models use ${made.id}`;
        show(
          { added: made.id, dimension: made.dimension },
          () =>
            `Added ${made.id}, ${made.dimension} dimensions. The part "stream" fills it now (weir models list); ${next}.`,
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
          // a newer model has taken its place: all its points are new
          if (model === undefined || model.state === "retired") break;
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

type AddArguments = [
  kind: string,
  folder: string | undefined,
  options: { readonly use?: boolean; readonly device: string },
  command: Command,
];

interface ModelToAdd {
  readonly stored: StoredModel;
  /** What the other processes open it by. */
  readonly settings: Readonly<Record<string, unknown>>;
}

function modelToAdd(
  wanted: { readonly kind: string; readonly folder: string | undefined; readonly device: string },
  config: Config,
): ModelToAdd {
  if (wanted.kind === "http") return httpToAdd(config);
  if (wanted.kind !== "transformer") {
    throw new UserError(`"${wanted.kind}" is no kind that can be added`, {
      hint: "transformer or http; Weir makes the others itself",
    });
  }
  const { device } = wanted;
  if (device !== "auto" && device !== "cpu" && device !== "cuda") {
    throw new UserError(`"${device}" is no device`, { hint: "auto, cpu or cuda" });
  }
  const settings = { folder: folderOf(wanted.folder, config), device } as const;
  return { stored: { kind: "transformer", settings }, settings };
}

function folderOf(named: string | undefined, config: Config): string {
  if (named === undefined) {
    throw new UserError("which folder holds the sentence-transformer?", {
      hint: "weir models add transformer <folder>",
    });
  }
  const among = config.embeddings.transformer_folder;
  const places = [resolve(named), ...(among === null ? [] : [resolve(join(among, named))])];
  const found = places.find((place) => existsSync(place));
  if (found !== undefined) return found;
  throw new UserError(`there is no folder ${places.join(" and none ")}`, {
    hint: "it holds model.onnx (or onnx/model.onnx), tokenizer.json and config.json",
  });
}

function httpToAdd({ embeddings, resilience }: Config): ModelToAdd {
  const { url, model } = embeddings.http;
  if (url === null || !URL.canParse(url) || model === "") {
    throw new UserError("embeddings.http names no endpoint and model", {
      hint: "set WEIR_EMBEDDINGS_HTTP_URL, WEIR_EMBEDDINGS_HTTP_MODEL and, if it wants one, WEIR_EMBEDDINGS_HTTP_API_KEY",
    });
  }
  const settings = { endpoint: endpointOf(url), model };
  const guards = createResilience({ settings: () => resilience });
  const stored = httpModel(settings, {
    settings: () => embeddings.http,
    guard: () => guards.guard("embedder"),
  });
  return { stored, settings };
}

/** Of a column of vectors.collections. */
const mostDimensions = 4_096;

/** Opens it, embeds a text, and lets it go. */
async function probe(stored: StoredModel) {
  try {
    const embedder = await createEmbedder(stored);
    try {
      await embedder.embed(["a red mug"]);
      const { modelId: id, dimension } = embedder;
      if (dimension <= mostDimensions) return { id, dimension };
      throw new UserError(
        `its vectors have ${dimension} dimensions, and ${mostDimensions} is most`,
      );
    } finally {
      await embedder.close();
    }
  } catch (error) {
    if (!(error instanceof EmbeddingError)) throw error;
    throw new UserError(error.message, {
      hint: error.retryable ? "is it up, and are the address and key right?" : "nothing was added",
    });
  }
}
