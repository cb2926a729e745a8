/** Embedders by the id of their model, opened from `vectors.models` and kept while they are in use. */
import type { Database } from "./core/database.ts";
import type { Embedder } from "./core/embedder.ts";
import { createEmbedder, type StoredModel } from "./embeddings/embedders.ts";

export interface EmbedderShelf {
  /** Rejects when there is no such model, or when it cannot be opened here. */
  open(modelId: string): Promise<Embedder>;
  close(): Promise<void>;
}

/** The live one, one that is being filled, and one to compare with. */
const keptEmbedders = 2;
/** A model's file is read in slices: whole it would be twice its size again, as hexadecimal text. */
const sliceBytes = 1024 * 1024;

export function createEmbedderShelf(database: Database): EmbedderShelf {
  const kept = new Map<string, Promise<Embedder>>();

  function open(modelId: string): Promise<Embedder> {
    const found = kept.get(modelId) ?? read(modelId);
    // the last used is the last to go
    kept.delete(modelId);
    kept.set(modelId, found);
    found.catch(() => kept.delete(modelId));
    const [oldest] = kept.keys();
    if (kept.size > keptEmbedders && oldest !== undefined) {
      const leaving = kept.get(oldest);
      kept.delete(oldest);
      leaving?.then((embedder) => embedder.close()).catch(() => {});
    }
    return found;
  }

  async function read(modelId: string): Promise<Embedder> {
    const [row] = await database.query<Omit<StoredModel, "file"> & { bytes: number | null }>({
      text: "select kind, settings, octet_length(file) as bytes from vectors.models where id = $1",
      values: [modelId],
    });
    if (row === undefined) throw new Error(`there is no model ${modelId}`);
    const { bytes, ...stored } = row;
    return createEmbedder({ ...stored, file: await readFile(modelId, bytes ?? 0) } as StoredModel);
  }

  async function readFile(modelId: string, bytes: number): Promise<Uint8Array> {
    const file = new Uint8Array(bytes);
    for (let at = 0; at < bytes; at += sliceBytes) {
      const [row] = await database.query<{ slice: Buffer | null }>({
        text: "select substring(file from $2 for $3) as slice from vectors.models where id = $1",
        values: [modelId, at + 1, sliceBytes],
      });
      // a model that is removed meanwhile fails its checksum
      if (row?.slice) file.set(row.slice, at);
    }
    return file;
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
