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

interface Place {
  readonly path: string;
  readonly device: number;
}

/** Readings after which it is examined again which folder is on which file system. */
const readingsPerLook = 20;

/**
 * Reads the room of each folder, with one system call for each file system; for a folder that does not exist yet, of
 * the nearest one above it. A folder that cannot be examined is left out.
 */
export function createSpaceReader<Name extends string>(
  folders: ReadonlyMap<Name, string>,
): () => Promise<ReadonlyMap<Name, FolderSpace>> {
  let places: ReadonlyMap<Name, Place> = new Map();
  let readings = 0;
  return async () => {
    if (readings++ % readingsPerLook === 0) places = await findPlaces(folders);
    const paths = new Map([...places.values()].map(({ device, path }) => [device, path]));
    const spaces = new Map(
      await Promise.all(
        [...paths].map(async ([device, path]) => [device, await spaceOf(path)] as const),
      ),
    );
    // a folder is gone: look again
    if ([...spaces.values()].includes(undefined)) readings = 0;
    return new Map(
      [...places].flatMap(([name, { device }]) => {
        const space = spaces.get(device);
        return space === undefined ? [] : [[name, { device, ...space }] as const];
      }),
    );
  };
}

async function findPlaces<Name extends string>(
  folders: ReadonlyMap<Name, string>,
): Promise<ReadonlyMap<Name, Place>> {
  const found = await Promise.all(
    [...folders].map(async ([name, folder]) => [name, await placeOf(folder)] as const),
  );
  return new Map(found.flatMap(([name, place]) => (place === undefined ? [] : [[name, place]])));
}

async function placeOf(folder: string): Promise<Place | undefined> {
  for (let path = folder; ; path = dirname(path)) {
    try {
      return { path, device: (await stat(path)).dev };
    } catch (error) {
      const isMissing = (error as NodeJS.ErrnoException).code === "ENOENT";
      if (!isMissing || dirname(path) === path) return undefined;
    }
  }
}

async function spaceOf(path: string): Promise<Omit<FolderSpace, "device"> | undefined> {
  try {
    const { bavail, bsize, blocks, files, ffree } = await statfs(path);
    return {
      freeBytes: bavail * bsize,
      totalBytes: blocks * bsize,
      freeFiles: files > 0 ? ffree : undefined,
      totalFiles: files > 0 ? files : undefined,
    };
  } catch {
    return undefined;
  }
}
