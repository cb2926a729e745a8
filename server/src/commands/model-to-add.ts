/** What `weir models add` adds: the stored form of a model, and a test of it. */
import { existsSync } from "node:fs";
import { join, resolve } from "node:path";
import { createEmbedder, type StoredModel } from "../adapters/embeddings/embedders.ts";
import { createResilience } from "../adapters/resilience/resilience.ts";
import { endpointOf, httpModel } from "../compose/embedders.ts";
import type { Config } from "../config/schema.ts";
import { EmbeddingError } from "../core/ports/embedder.ts";
import { exitCodes, UserError } from "./context.ts";

export interface ModelRequest {
  readonly kind: string;
  /** Of a transformer. */
  readonly folder: string | undefined;
  readonly device: string;
}

interface ModelToAdd {
  readonly stored: StoredModel;
  /** What the other processes open it with. */
  readonly settings: Readonly<Record<string, unknown>>;
}

/** @throws UserError when the arguments or settings do not name a model */
export function modelToAdd({ kind, folder, device }: ModelRequest, config: Config): ModelToAdd {
  if (kind === "http") return httpToAdd(config);
  if (kind !== "transformer") {
    throw new UserError(`models of the kind "${kind}" cannot be added`, {
      exitCode: exitCodes.usage,
      hint: "use transformer or http; Weir creates all other models itself",
    });
  }
  if (device !== "auto" && device !== "cpu" && device !== "cuda") {
    throw new UserError(`"${device}" is not a device`, {
      exitCode: exitCodes.usage,
      hint: "use auto, cpu or cuda",
    });
  }
  const settings = { folder: folderOf(folder, config), device } as const;
  return { stored: { kind: "transformer", settings }, settings };
}

function folderOf(named: string | undefined, config: Config): string {
  if (named === undefined) {
    throw new UserError("the folder of the sentence-transformer is missing", {
      exitCode: exitCodes.usage,
      hint: "weir models add transformer <folder>",
    });
  }
  const parent = config.embeddings.transformer_folder;
  const places = [resolve(named), ...(parent === null ? [] : [resolve(join(parent, named))])];
  const found = places.find((place) => existsSync(place));
  if (found !== undefined) return found;
  throw new UserError(`there is no folder ${places.join(" or ")}`, {
    hint: "it must contain model.onnx (or onnx/model.onnx), tokenizer.json and config.json",
  });
}

function httpToAdd({ embeddings, resilience }: Config): ModelToAdd {
  const { url, model } = embeddings.http;
  if (url === null || !URL.canParse(url) || model === "") {
    throw new UserError("the settings embeddings.http name no endpoint or no model", {
      hint: "set WEIR_EMBEDDINGS_HTTP_URL, WEIR_EMBEDDINGS_HTTP_MODEL and, if required, WEIR_EMBEDDINGS_HTTP_API_KEY",
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

/** The limit of a column in vectors.collections. */
const maximumDimension = 4_096;

/** Opens the model, embeds one text and closes it. @throws UserError when that fails */
export async function probeModel(
  stored: StoredModel,
): Promise<{ readonly id: string; readonly dimension: number }> {
  try {
    const embedder = await createEmbedder(stored);
    try {
      await embedder.embed(["a red mug"]);
      const { modelId: id, dimension } = embedder;
      if (dimension <= maximumDimension) return { id, dimension };
      throw new UserError(
        `the model has ${dimension} dimensions; the maximum is ${maximumDimension}`,
      );
    } finally {
      await embedder.close();
    }
  } catch (error) {
    if (!(error instanceof EmbeddingError)) throw error;
    throw new UserError(error.message, {
      hint: error.retryable
        ? "check that the endpoint is running and that its URL and key are correct"
        : "nothing was added",
    });
  }
}
