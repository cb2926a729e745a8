/** How much room the file systems of some folders have. */
import { stat, statfs } from "node:fs/promises";
import { dirname } from "node:path";

export interface FolderSpace {
  /** Equal for folders on the same file system. */
  readonly device: number;
  /** Bytes that a process other than root may still write. */
  readonly freeBytes: number;
  readonly totalBytes: number;
  /** Files that may still be created; undefined where the file system sets no limit. */
  readonly freeFiles: number | undefined;
  readonly totalFiles: number | undefined;
}

/**
 * The room of each folder; of the nearest existing one above it for a folder that does not exist yet. A folder
 * that cannot be examined is left out.
 */
export async function readSpace<Name extends string>(
  folders: ReadonlyMap<Name, string>,
): Promise<ReadonlyMap<Name, FolderSpace>> {
  const found = await Promise.all(
    [...folders].map(async ([name, folder]) => [name, await spaceOf(folder)] as const),
  );
  return new Map(found.flatMap(([name, space]) => (space === undefined ? [] : [[name, space]])));
}

async function spaceOf(folder: string): Promise<FolderSpace | undefined> {
  for (let at = folder; ; at = dirname(at)) {
    try {
      const [{ dev }, { bavail, bsize, blocks, files, ffree }] = await Promise.all([
        stat(at),
        statfs(at),
      ]);
      const countsFiles = files > 0;
      return {
        device: dev,
        freeBytes: bavail * bsize,
        totalBytes: blocks * bsize,
        freeFiles: countsFiles ? ffree : undefined,
        totalFiles: countsFiles ? files : undefined,
      };
    } catch (error) {
      const isMissing = (error as NodeJS.ErrnoException).code === "ENOENT";
      if (!isMissing || dirname(at) === at) return undefined;
    }
  }
}
