/** Embeds each text once per (content hash, model); isolates the texts that the embedder refuses. */
import { bisect } from "../../../core/bisect.ts";
import { messageOf } from "../../../core/errors.ts";
import type { Database } from "../../../core/ports/database.ts";
import { type Embedder, EmbeddingError } from "../../../core/ports/embedder.ts";
import { bytesOf, vectorOf } from "../points/put-points.ts";

export interface Embedded {
  /** By hex content hash. */
  readonly vectors: ReadonlyMap<string, Float32Array>;
  /** Why a text has no vector, by hash. */
  readonly refused: ReadonlyMap<string, string>;
}

export interface EmbedCounts {
  readonly texts: number;
  /** Found in memory or in stream.embeddings. */
  readonly cached: number;
  readonly embedded: number;
  readonly milliseconds: number;
}

export interface TextEmbedder {
  /** @param texts by hex content hash. Rejects only with retryable errors. */
  embed(texts: ReadonlyMap<string, string>, signal: AbortSignal): Promise<Embedded>;
}

/** 768 bytes each at 192 dimensions. */
const keptVectors = 2_048;
const batchTexts = 256;

export interface TextEmbedderOptions {
  readonly observe?: (counts: EmbedCounts) => void;
  /**
   * What the texts describe. Costly vectors of products' texts are kept until their model is removed, those of
   * events' texts as long as events' points, because their number is unlimited.
   */
  readonly texts?: "products" | "events";
}

export function createTextEmbedder(
  database: Database,
  embedder: Embedder,
  { observe = () => {}, texts: kind = "products" }: TextEmbedderOptions = {},
): TextEmbedder {
  const kept = new Map<string, Float32Array>();

  async function embed(texts: ReadonlyMap<string, string>, signal: AbortSignal): Promise<Embedded> {
    const started = performance.now();
    const vectors = new Map<string, Float32Array>();
    const refused = new Map<string, string>();
    for (const hash of texts.keys()) {
      const vector = kept.get(hash);
      if (vector !== undefined) vectors.set(hash, vector);
    }
    const missing = [...texts.keys()].filter((hash) => !vectors.has(hash));
    if (embedder.worthKeeping && missing.length > 0) await findStored(missing, vectors);
    const toEmbed = missing.filter((hash) => !vectors.has(hash));
    for (let at = 0; at < toEmbed.length; at += batchTexts) {
      await embedBatch(toEmbed.slice(at, at + batchTexts));
    }
    for (const [hash, vector] of vectors) keep(hash, vector);
    observe({
      texts: texts.size,
      cached: texts.size - toEmbed.length,
      embedded: toEmbed.length - refused.size,
      milliseconds: performance.now() - started,
    });
    return { vectors, refused };

    async function embedBatch(hashes: readonly string[]): Promise<void> {
      const fresh = new Map<string, Float32Array>();
      const embedSome = async (some: readonly string[]) => {
        const made = await embedder.embed(
          some.map((hash) => texts.get(hash) as string),
          signal,
        );
        for (const [index, hash] of some.entries()) fresh.set(hash, made[index] as Float32Array);
      };
      const { poisoned } = await bisect(hashes, embedSome, {
        isPoison: (error) => error instanceof EmbeddingError && !error.retryable,
      });
      for (const { item, error } of poisoned) {
        refused.set(item, messageOf(error));
      }
      for (const [hash, vector] of fresh) vectors.set(hash, vector);
      if (embedder.worthKeeping && fresh.size > 0) await store(fresh);
    }
  }

  async function findStored(hashes: readonly string[], into: Map<string, Float32Array>) {
    const rows = await database.query<{ hash: string; vector: Buffer }>({
      name: "stream_find_embeddings",
      text: `select encode(content_hash, 'hex') as hash, vector from stream.embeddings
             where model_id = $1 and content_hash = any(select decode(h, 'hex') from unnest($2::text[]) h)`,
      values: [embedder.modelId, hashes],
    });
    for (const { hash, vector } of rows) into.set(hash, vectorOf(vector));
  }

  async function store(vectors: ReadonlyMap<string, Float32Array>): Promise<void> {
    const sorted = [...vectors].sort(([a], [b]) => (a < b ? -1 : 1));
    await database.query({
      text: `insert into stream.embeddings (model_id, content_hash, vector, event_day)
             select $1, decode(h, 'hex'), v, case when $4 then (clock.latest() at time zone 'UTC')::date end
             from unnest($2::text[], $3::bytea[]) u (h, v) on conflict do nothing`,
      values: [
        embedder.modelId,
        sorted.map(([hash]) => hash),
        sorted.map(([, vector]) => bytesOf(vector)),
        kind === "events",
      ],
    });
  }

  function keep(hash: string, vector: Float32Array): void {
    kept.delete(hash);
    kept.set(hash, vector);
    if (kept.size > keptVectors) kept.delete(kept.keys().next().value as string);
  }

  return { embed };
}
