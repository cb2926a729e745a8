import { DatabaseError } from "../../../core/ports/database.ts";
import { type CallOptions, VectorStoreError } from "../../../core/ports/vector-store.ts";

/** Converts any error to the one of the port. */
export function toVectorStoreError(error: unknown): VectorStoreError {
  if (error instanceof VectorStoreError) return error;
  if (!(error instanceof DatabaseError)) {
    const text = error instanceof Error ? error.message : String(error);
    return new VectorStoreError(text, { code: "unavailable", cause: error });
  }
  const code = codes.find(([pattern]) => pattern.test(error.code))?.[1] ?? "unavailable";
  return new VectorStoreError(error.message, { code, cause: error });
}

/** Those of server/sql/functions/vectors/, data that PostgreSQL cannot store, and timeouts. */
const codes = [
  [/^WV001$/, "not_found"],
  [/^WV002$/, "dimension_mismatch"],
  [/^22|^23514$/, "invalid"],
  [/^timeout$|^57014$/, "timeout"],
] as const;

/** Rejects on a timeout or an abort. The work, once begun, continues, and its result is ignored. */
export async function within<T>(
  work: () => Promise<T>,
  { signal, timeoutMs }: { signal: AbortSignal | undefined; timeoutMs: number },
): Promise<T> {
  if (signal?.aborted === true) throw cancelled();
  const { promise: late, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => {
    reject(new VectorStoreError(`No answer within ${timeoutMs} ms.`, { code: "timeout" }));
  }, timeoutMs);
  const abort = (): void => reject(cancelled());
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

function cancelled(): VectorStoreError {
  return new VectorStoreError("The caller cancelled the call.", { code: "timeout" });
}

const defaultTimeoutMs = 10_000;

/** The limits of one call. */
export function limitsOf(options: CallOptions | undefined): {
  readonly signal: AbortSignal | undefined;
  readonly timeoutMs: number;
} {
  return { signal: options?.signal, timeoutMs: options?.timeoutMs ?? defaultTimeoutMs };
}
