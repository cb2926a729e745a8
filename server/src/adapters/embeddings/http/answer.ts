import { EmbeddingError } from "../../../core/ports/embedder.ts";
import { normalise } from "../normalise.ts";

/**
 * The vectors of an answer `{data: [{index, embedding}]}` in the order of the texts, normalised.
 * @throws EmbeddingError, retryable: what is wrong here is the endpoint and not the texts.
 */
export function readVectors(
  body: unknown,
  expected: {
    readonly endpoint: string;
    readonly count: number;
    readonly dimension: number | undefined;
  },
): Float32Array[] {
  const { endpoint, count } = expected;
  const wrong = (what: string) => new EmbeddingError(`${endpoint} ${what}`, { retryable: true });
  const data = isObject(body) ? body["data"] : undefined;
  if (!Array.isArray(data)) throw wrong("sent an answer without `data`");
  if (data.length !== count) throw wrong(`sent ${data.length} vectors for ${count} texts`);
  const vectors: Float32Array[] = [];
  let { dimension } = expected;
  for (const element of data as unknown[]) {
    const { index, embedding } = isObject(element) ? element : {};
    if (!Number.isInteger(index) || (index as number) < 0 || (index as number) >= count) {
      throw wrong("sent a vector without a valid `index`");
    }
    if (vectors[index as number] !== undefined) throw wrong(`sent index ${index} twice`);
    if (!isVector(embedding)) throw wrong("sent a vector with something else than finite numbers");
    dimension ??= embedding.length;
    if (embedding.length !== dimension) {
      throw wrong(`sent ${embedding.length} dimensions instead of ${dimension}`);
    }
    const vector = normalise(Float32Array.from(embedding));
    if (!vector.every(Number.isFinite)) throw wrong("sent numbers that do not fit float32");
    vectors[index as number] = vector;
  }
  return vectors;
}

function isVector(value: unknown): value is number[] {
  return Array.isArray(value) && value.length > 0 && value.every(Number.isFinite);
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null;
}
