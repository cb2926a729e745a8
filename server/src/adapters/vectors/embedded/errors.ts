import { DatabaseError } from "../../../core/ports/database.ts";
import { type CallOptions, VectorStoreError } from "../../../core/ports/vector-store.ts";

/** Whatever was thrown, as the port's one error. */
export function toVectorStoreError(error: unknown): VectorStoreError {
  if (error instanceof VectorStoreError) return error;
  if (!(error instanceof DatabaseError)) {
    const text = error instanceof Error ? error.message : String(error);
    return new VectorStoreError(text, { code: "unavailable", cause: error });
  }
  const code = codes.find(([pattern]) => pattern.test(error.code))?.[1] ?? "unavailable";
  return new VectorStoreError(error.message, { code, cause: error });
}

/** Ours (see server/sql/functions/vectors/), data that PostgreSQL cannot keep, time-outs. */
const codes = [
  [/^WV001$/, "not_found"],
  [/^WV002$/, "dimension_mismatch"],
  [/^22|^23514$/, "invalid"],
  [/^timeout$|^57014$/, "timeout"],
] as const;

/**
 * Rejects when time is up or the caller gives up; the work itself, once begun, goes on and its end is
 * dropped.
 */
export async function within<T>(
  work: () => Promise<T>,
  { signal, timeoutMs }: { signal: AbortSignal | undefined; timeoutMs: number },
): Promise<T> {
  if (signal?.aborted === true) throw gaveUp();
  const { promise: late, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => {
    reject(new VectorStoreError(`No answer within ${timeoutMs} ms.`, { code: "timeout" }));
  }, timeoutMs);
  const abort = (): void => reject(gaveUp());
  signal?.addEventListener("abort", abort, { once: true });
  const working = work();
  try {
    return await Promise.race([working, late]);
  } catch (error) {
    throw toVectorStoreError(error);
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener("abort", abort);
    working.catch(() => {});
  }
}

function gaveUp(): VectorStoreError {
  return new VectorStoreError("The caller gave up.", { code: "timeout" });
}

const defaultTimeoutMs = 10_000;

/** The limits of one call. */
export function limitsOf(options: CallOptions | undefined): {
  readonly signal: AbortSignal | undefined;
  readonly timeoutMs: number;
} {
  return { signal: options?.signal, timeoutMs: options?.timeoutMs ?? defaultTimeoutMs };
}
