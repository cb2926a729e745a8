import { statfsSync } from "node:fs";
import { DatabaseError } from "../core/ports/database.ts";
import { retryWithBackoff } from "../timing/backoff.ts";

/** PostgreSQL needs some to recover. */
const neededBytes = 16 * 1024 * 1024;
const limits = { firstMs: 200, lastMs: 5_000 } as const;

/**
 * The result of `work`, repeated while the disk has no space for it: a machine that restarts with a full disk
 * recovers by itself as well.
 * @param folders that need space: PostgreSQL reports why it does not start in a log that it could not write
 * @param onWait called once, with the error, when it has to wait
 * @throws the last error when the signal aborts, and any error of another kind
 */
export function untilThereIsSpace<T>(
  work: () => Promise<T>,
  {
    signal,
    folders,
    onWait,
  }: {
    readonly signal: AbortSignal;
    readonly folders: readonly string[];
    readonly onWait: (error: unknown) => void;
  },
): Promise<T> {
  let isWaiting = false;
  return retryWithBackoff(work, {
    ...limits,
    signal,
    onFailure(error) {
      if (!isLackOfSpace(error) && !folders.some(isFull)) return false;
      if (!isWaiting) onWait(error);
      isWaiting = true;
      return true;
    },
  });
}

function isLackOfSpace(error: unknown): boolean {
  if (error instanceof DatabaseError) return error.code === "53100";
  // of a file, or what PostgreSQL printed when it did not start
  return error instanceof Error && /ENOSPC|EDQUOT|No space left|Disk quota/.test(error.message);
}

function isFull(folder: string): boolean {
  try {
    const { bavail, bsize } = statfsSync(folder);
    return bavail * bsize < neededBytes;
  } catch {
    return false;
  }
}
