/** Embedders by the id of their model, opened from `vectors.models` and kept while the model exists. */
import type { Database } from "../../core/ports/database.ts";
import { type Embedder, type Embedders, EmbeddingError } from "../../core/ports/embedder.ts";
import { readModelFile } from "./model-files.ts";
import type { CreateEmbedder, StoredModel } from "./ports.ts";

export interface EmbedderShelf extends Embedders {
  close(): Promise<void>;
}

interface Row {
  readonly kind: StoredModel["kind"];
  readonly settings: Readonly<Record<string, unknown>>;
  readonly file_id: string | null;
  readonly file_bytes: number | null;
}

export function createEmbedderShelf(
  database: Database,
  createEmbedder: CreateEmbedder,
): EmbedderShelf {
  const kept = new Map<string, Promise<Embedder>>();

  function open(modelId: string): Promise<Embedder> {
    let found = kept.get(modelId);
    if (found === undefined) {
      found = openStored(modelId);
      kept.set(modelId, found);
      found.catch(() => kept.delete(modelId));
    }
    return found;
  }

  async function openStored(modelId: string): Promise<Embedder> {
    await closeRemoved();
    const [row] = await database.query<Row>({
      text: "select kind, settings, file_id, file_bytes from vectors.models where id = $1",
      values: [modelId],
    });
    if (row === undefined) throw new Error(`there is no model ${modelId}`);
    const embedder = await createEmbedder(await storedModel(database, row));
    if (embedder.modelId === modelId) return embedder;
    await embedder.close();
    throw new EmbeddingError(
      `the files or endpoint of ${modelId} have changed and are now ${embedder.modelId}; restore them, or remove the model and add it again`,
      { retryable: true },
    );
  }

  /** Models take tens of megabytes: those that are gone are closed when another one is opened. */
  async function closeRemoved(): Promise<void> {
    if (kept.size < 2) return;
    const rows = await database.query<{ id: string }>({ text: "select id from vectors.models" });
    const existing = new Set(rows.map(({ id }) => id));
    for (const [modelId, removed] of kept) {
      if (existing.has(modelId)) continue;
      kept.delete(modelId);
      removed.then((embedder) => embedder.close()).catch(() => {});
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

async function storedModel(database: Database, row: Row): Promise<StoredModel> {
  const { kind, settings, file_id: fileId, file_bytes: bytes } = row;
  if (kind === "transformer" || kind === "http") return { kind, settings };
  return { kind, file: await readModelFile(database, { fileId: fileId ?? "", bytes: bytes ?? 0 }) };
}
