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
  /** Requested from the endpoint; without it the embedder uses the dimension of the endpoint's first answer. */
  readonly dimension?: number;
  /** Texts in one request. */
  readonly batchTexts?: number;
  /** UTF-8 bytes of text in one request; a longer text is sent alone. */
  readonly batchBytes?: number;
  /** Milliseconds for one request, within the guard's own limit. */
  readonly timeoutMs?: number;
}

/** Caused by the texts. All others concern the request, the key or the endpoint, and may succeed later. */
const causedByTexts = new Set([400, 413, 422]);

interface Secrets {
  readonly guard: Guard;
  /** Sent as `Authorization: Bearer`, and never part of an error. */
  readonly apiKey?: string;
}

/**
 * Opens the endpoint, with one request if the dimension is not given. Retries and breaker are the guard's. Vectors
 * are normalised. A blank text gets a zero vector and is not sent, because endpoints refuse it.
 */
export async function createHttpEmbedder(
  settings: HttpEmbedderSettings,
  secrets: Secrets,
): Promise<Embedder> {
  const { batchTexts = 64, batchBytes = 200_000 } = settings;
  const url = new URL(settings.url);
  // without the query, which may contain a key
  const endpoint = `${url.origin}${url.pathname}`;
  const request = (texts: readonly string[], signal?: AbortSignal) =>
    secrets.guard.execute(
      (guardSignal) => send({ settings, secrets, endpoint, texts }, guardSignal),
      signal,
    );

  const dimension =
    settings.dimension ?? ((await request(["dimension"]))[0] as Float32Array).length;
  const identity = JSON.stringify([endpoint, settings.model, dimension]);
  return {
    modelId: `http-${createHash("sha256").update(identity).digest("hex").slice(0, 16)}`,
    dimension,
    worthKeeping: true,
    async embed(texts, signal) {
      const vectors: Float32Array[] = texts.map(() => new Float32Array(dimension));
      const notBlank = [...texts.keys()].filter((index) => (texts[index] as string).trim() !== "");
      const sizeOf = (index: number) => Buffer.byteLength(texts[index] as string);
      for (const batch of inBatches(notBlank, { count: batchTexts, size: batchBytes, sizeOf })) {
        const received = await request(
          batch.map((index) => texts[index] as string),
          signal,
        );
        for (const [place, index] of batch.entries()) {
          vectors[index] = ofDimension(received[place] as Float32Array, dimension, endpoint);
        }
      }
      return vectors;
    },
    close: () => Promise.resolve(),
  };
}

function ofDimension(vector: Float32Array, dimension: number, endpoint: string): Float32Array {
  if (vector.length === dimension) return vector;
  throw new EmbeddingError(
    `${endpoint} sent ${vector.length} dimensions where it had sent ${dimension}`,
    { retryable: true },
  );
}

interface Request {
  readonly settings: HttpEmbedderSettings;
  readonly secrets: Secrets;
  readonly endpoint: string;
  readonly texts: readonly string[];
}

async function send(
  { settings, secrets: { apiKey }, endpoint, texts }: Request,
  guardSignal: AbortSignal,
): Promise<Float32Array[]> {
  const { url, model, dimension, timeoutMs = 30_000 } = settings;
  const failed = (cause: unknown, what: string) => {
    // an abort by the caller is no failure of the endpoint
    if (guardSignal.aborted) return guardSignal.reason;
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
      model,
      input: texts,
      encoding_format: "float",
      ...(dimension === undefined ? {} : { dimensions: dimension }),
    }),
    // the key is meant for this endpoint alone
    redirect: "error",
    signal: AbortSignal.any([guardSignal, AbortSignal.timeout(timeoutMs)]),
  }).catch((cause: unknown) => {
    throw failed(cause, "does not answer");
  });
  if (!answer.ok) {
    await answer.body?.cancel();
    const status = `${answer.status} ${answer.statusText}`.trim();
    throw new EmbeddingError(`${endpoint} answered ${status}`, {
      retryable: !causedByTexts.has(answer.status),
    });
  }
  const body: unknown = await answer.json().catch((cause: unknown) => {
    throw failed(cause, "broke off its answer or sent no JSON");
  });
  return readVectors(body, { endpoint, count: texts.length, dimension });
}
