/** Embedders by the id of their model, opened from `vectors.models` and kept while there is such a model. */

import { createEmbedder, type StoredModel } from "../../adapters/embeddings/embedders.ts";
import type { Config } from "../../config/schema.ts";
import type { Database } from "../../core/ports/database.ts";
import { type Embedder, EmbeddingError } from "../../core/ports/embedder.ts";
import type { Guard } from "../../core/ports/guard.ts";
import { readModelFile } from "./model-files.ts";

export interface EmbedderShelf {
  /** Rejects when there is no such model, or when it cannot be opened here. */
  open(modelId: string): Promise<Embedder>;
  close(): Promise<void>;
}

/** What models need that are not in PostgreSQL whole. */
export interface EmbedderSurroundings {
  /** `embeddings.http`: the key is only here. */
  readonly http: () => Config["embeddings"]["http"];
  /** `embedder`, for requests to an endpoint. */
  readonly guard: () => Guard;
}

/** `vectors.models.settings` of a model of the kind `http`: in the open, so without any key. */
export interface HttpModelSettings {
  /** Without its query, which may hold a key. */
  readonly endpoint: string;
  readonly model: string;
}

interface Row {
  readonly kind: StoredModel["kind"];
  readonly settings: Readonly<Record<string, unknown>>;
  readonly file_id: string | null;
  readonly file_bytes: number | null;
}

export function createEmbedderShelf(
  database: Database,
  surroundings?: EmbedderSurroundings,
): EmbedderShelf {
  const kept = new Map<string, Promise<Embedder>>();

  function open(modelId: string): Promise<Embedder> {
    let found = kept.get(modelId);
    if (found === undefined) {
      found = read(modelId);
      kept.set(modelId, found);
      found.catch(() => kept.delete(modelId));
    }
    return found;
  }

  async function read(modelId: string): Promise<Embedder> {
    await closeGone();
    const [row] = await database.query<Row>({
      text: "select kind, settings, file_id, file_bytes from vectors.models where id = $1",
      values: [modelId],
    });
    if (row === undefined) throw new Error(`there is no model ${modelId}`);
    const embedder = await createEmbedder(await storedModel(row));
    if (embedder.modelId === modelId) return embedder;
    await embedder.close();
    throw new EmbeddingError(
      `what ${modelId} was made of has changed, and is ${embedder.modelId} now; put it back, or remove the model and add it anew`,
      { retryable: true },
    );
  }

  /** Models weigh tens of megabytes: those that are gone are let go when another one comes. */
  async function closeGone(): Promise<void> {
    if (kept.size < 2) return;
    const rows = await database.query<{ id: string }>({ text: "select id from vectors.models" });
    const there = new Set(rows.map(({ id }) => id));
    for (const [modelId, leaving] of kept) {
      if (there.has(modelId)) continue;
      kept.delete(modelId);
      leaving.then((embedder) => embedder.close()).catch(() => {});
    }
  }

  async function storedModel(row: Row): Promise<StoredModel> {
    switch (row.kind) {
      case "transformer":
        return { kind: row.kind, settings: row.settings as { folder: string } };
      case "http":
        if (surroundings === undefined) throw new Error("no endpoint is asked from here");
        return httpModel(row.settings as unknown as HttpModelSettings, surroundings);
      default:
        return {
          kind: row.kind,
          file: await readModelFile(database, {
            fileId: row.file_id ?? "",
            bytes: row.file_bytes ?? 0,
          }),
        };
    }
  }

  return {
    open,
    async close() {
      const open = [...kept.values()];
      kept.clear();
      await Promise.allSettled(open.map(async (embedder) => (await embedder).close()));
    },
  };
}

/** The configured query and key go to the configured endpoint only. */
export function httpModel(
  { endpoint, model }: HttpModelSettings,
  surroundings: EmbedderSurroundings,
): StoredModel {
  const configured = surroundings.http();
  const isConfigured = configured.url !== null && endpointOf(configured.url) === endpoint;
  return {
    kind: "http",
    settings: { url: isConfigured ? (configured.url as string) : endpoint, model },
    ...(isConfigured && configured.api_key !== null ? { apiKey: configured.api_key } : {}),
    guard: surroundings.guard(),
  };
}

/** A URL without its query and its user. @throws TypeError when it is no URL. */
export function endpointOf(url: string): string {
  const { origin, pathname } = new URL(url);
  return `${origin}${pathname}`;
}
