import { DatabaseError } from "../core/ports/database.ts";
import { retryWithBackoff } from "../timing/backoff.ts";

const limits = { firstMs: 200, lastMs: 5_000 } as const;

/**
 * The result of `work`, repeated while the disk has no space for it: a machine that restarts with a full disk
 * recovers by itself as well.
 * @param onWait called once, with the error, when it has to wait
 * @throws the last error when the signal aborts, and any error of another kind
 */
export function untilThereIsSpace<T>(
  work: () => Promise<T>,
  { signal, onWait }: { readonly signal: AbortSignal; readonly onWait: (error: unknown) => void },
): Promise<T> {
  let isWaiting = false;
  return retryWithBackoff(work, {
    ...limits,
    signal,
    onFailure(error) {
      if (!lacksSpace(error)) return false;
      if (!isWaiting) onWait(error);
      isWaiting = true;
      return true;
    },
  });
}

function lacksSpace(error: unknown): boolean {
  if (error instanceof DatabaseError) return error.code === "53100";
  // of a file, or what PostgreSQL printed when it did not start
  return error instanceof Error && /ENOSPC|EDQUOT|No space left|Disk quota/.test(error.message);
}
