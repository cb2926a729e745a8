/** The watch over the disks that Weir writes to. */
import { join } from "node:path";
import { createSpaceReader } from "../adapters/files/file-systems.ts";
import type { Part } from "../core/ports/part.ts";
import { parseSize } from "../core/size.ts";
import { pauseWithoutSpace } from "../parts/storage/pause-without-space.ts";
import type { FolderName } from "../parts/storage/ports.ts";
import { Storage, type StorageOptions } from "../parts/storage/storage.ts";
import { embeddedDataVariable } from "../process/paths.ts";
import type { ComposeOptions } from "./options.ts";

/** Reads nothing before it runs. */
export function composeStorage(
  { config, logger }: Pick<ComposeOptions, "config" | "logger">,
  consequence: StorageOptions["consequence"],
): Storage {
  const { data_dir: dataDir } = config();
  const data = process.env[embeddedDataVariable];
  const folders = new Map<FolderName, string>([
    ["logs", join(dataDir, "logs")],
    ["cache", join(dataDir, "cache")],
    ["keys", join(dataDir, "keys")],
    ["state", dataDir],
  ]);
  // the disks of an external PostgreSQL cannot be seen from here
  if (data !== undefined) folders.set("data", data).set("wal", join(data, "pg_wal"));
  return new Storage({
    readSpace: createSpaceReader(folders),
    settings: () => {
      const { min_free, guarded } = config().storage;
      return { minFreeBytes: min_free === null ? undefined : parseSize(min_free), guarded };
    },
    logger,
    consequence,
    monotonic: () => performance.now(),
  });
}

/** They delete, and so make room. */
const runWithoutSpace = new Set(["retention", "erasure", "dlq"]);

/** Parts that work in the background, most of them paused while the disk is nearly full; and the watch that decides it. */
export function composePausable(options: ComposeOptions, parts: readonly Part[]): Part[] {
  const storage = composeStorage(options, "pauses");
  const paused = parts.map((part) =>
    runWithoutSpace.has(part.name) ? part : pauseWithoutSpace(part, storage),
  );
  return [storagePart(storage), ...paused];
}

export function storagePart(storage: Storage): Part {
  return { name: "storage", run: (signal) => storage.run(signal), problem: () => storage.refusal };
}
