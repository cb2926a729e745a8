/** The embedder `http`: an endpoint that speaks OpenAI's `POST /v1/embeddings`. */
import { createHash } from "node:crypto";
import { type Embedder, EmbeddingError } from "../../../core/ports/embedder.ts";
import type { Guard } from "../../../core/ports/guard.ts";
import { inBatches } from "../batches.ts";
import { readVectors } from "./answer.ts";

export interface HttpEmbedderSettings {
  /** Of the endpoint itself, as `https://api.example.com/v1/embeddings`. */
  readonly url: string;
  readonly model: string;
  /** Asked of the endpoint; without it, the endpoint's own is found out. */
  readonly dimension?: number;
  /** Texts in one request. */
  readonly batchTexts?: number;
  /** UTF-8 bytes of text in one request; a longer text goes alone. */
  readonly batchBytes?: number;
  /** Milliseconds for one request, within the guard's own limit. */
  readonly timeoutMs?: number;
}

/** The rest is about the request, the key or the endpoint, and may pass. */
const textsFault = new Set([400, 413, 422]);

/**
 * Opens the endpoint; asks it once when the dimension is not given. Retries and breaker are the guard's. Vectors
 * are normalised. A blank text has zeros and is not sent, as endpoints refuse it.
 * @param secrets.apiKey sent as `Authorization: Bearer`, and never part of an error.
 */
export async function createHttpEmbedder(
  settings: HttpEmbedderSettings,
  { guard, apiKey }: { readonly guard: Guard; readonly apiKey?: string },
): Promise<Embedder> {
  const { batchTexts = 64, batchBytes = 200_000, timeoutMs = 30_000 } = settings;
  const url = new URL(settings.url);
  // a query may hold a key
  const endpoint = `${url.origin}${url.pathname}`;

  const ask = (texts: readonly string[], signal?: AbortSignal) =>
    guard.execute((guardSignal) => send(texts, guardSignal), signal);

  async function send(texts: readonly string[], given: AbortSignal): Promise<Float32Array[]> {
    const signal = AbortSignal.any([given, AbortSignal.timeout(timeoutMs)]);
    const away = (cause: unknown, what: string) => {
      // an abort is the caller's wish and no failure of the endpoint
      if (given.aborted) return given.reason;
      return new EmbeddingError(`${endpoint} ${what}`, { retryable: true, cause });
    };
    const answer = await fetch(url, {
      method: "POST",
      headers: {
        "content-type": "application/json",
        accept: "application/json",
        ...(apiKey === undefined ? {} : { authorization: `Bearer ${apiKey}` }),
      },
      body: JSON.stringify({
        model: settings.model,
        input: texts,
        encoding_format: "float",
        ...(settings.dimension === undefined ? {} : { dimensions: settings.dimension }),
      }),
      // the key is meant for this endpoint
      redirect: "error",
      signal,
    }).catch((cause: unknown) => {
      throw away(cause, "does not answer");
    });
    if (!answer.ok) {
      await answer.body?.cancel();
      throw new EmbeddingError(
        `${endpoint} answered ${answer.status} ${answer.statusText}`.trim(),
        {
          retryable: !textsFault.has(answer.status),
        },
      );
    }
    const body: unknown = await answer.json().catch((cause: unknown) => {
      throw away(cause, "broke off its answer or sent no JSON");
    });
    return readVectors(body, { endpoint, count: texts.length, dimension: settings.dimension });
  }

  const dimension = settings.dimension ?? ((await ask(["dimension"]))[0] as Float32Array).length;
  const identity = JSON.stringify([endpoint, settings.model, dimension]);
  return {
    modelId: `http-${createHash("sha256").update(identity).digest("hex").slice(0, 16)}`,
    dimension,
    worthKeeping: true,
    async embed(texts, signal) {
      const vectors: Float32Array[] = texts.map(() => new Float32Array(dimension));
      const said = [...texts.keys()].filter((index) => (texts[index] as string).trim() !== "");
      const bytes = (index: number) => Buffer.byteLength(texts[index] as string);
      for (const batch of inBatches(said, { count: batchTexts, size: batchBytes, sizeOf: bytes })) {
        const made = await ask(
          batch.map((index) => texts[index] as string),
          signal,
        );
        for (const [place, index] of batch.entries()) {
          const vector = made[place] as Float32Array;
          if (vector.length !== dimension) {
            throw new EmbeddingError(
              `${endpoint} sent ${vector.length} dimensions where it had sent ${dimension}`,
              { retryable: true },
            );
          }
          vectors[index] = vector;
        }
      }
      return vectors;
    },
    close: () => Promise.resolve(),
  };
}
