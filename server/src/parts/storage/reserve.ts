/** How much must stay free on a file system, and what its state is. Pure. */
import { formatSize } from "../../core/size.ts";
import type { FolderName, FolderSpace, StorageSettings } from "./ports.ts";

/** `low`: no events are accepted. `critical`: background work that writes is paused as well. */
export type Level = "ok" | "low" | "critical";

export interface FolderState {
  readonly folder: FolderName;
  readonly level: Level;
  readonly space: FolderSpace;
  readonly reserveBytes: number;
  /** Free bytes at which `low` ends. */
  readonly resumeBytes: number;
}

const MiB = 1024 * 1024;
const defaultReserveBytes = 512 * MiB;
/** Of a file system: the most that the default reserve takes, and any reserve on one without the database. */
const mostShare = 1 / 5;
const reserveFiles = 1_000;
const mostFileShare = 1 / 20;
/** A level ends at a little more than where it began, so that it does not begin and end all the time. */
const hysteresis = 1.25;
/** Of the reserve: what is left for PostgreSQL itself, and for deleting. */
const criticalShare = 1 / 2;

/**
 * An explicit `storage.min_free` counts in full where PostgreSQL writes. Logs, cache and keys need little: on a file
 * system of their own a fifth of it is enough.
 */
export function reserveOf(
  space: FolderSpace,
  { minFreeBytes, holdsDatabase }: { minFreeBytes: number | undefined; holdsDatabase: boolean },
): number {
  const share = Math.floor(space.totalBytes * mostShare);
  if (minFreeBytes === undefined) return Math.min(defaultReserveBytes, share);
  return holdsDatabase ? minFreeBytes : Math.min(minFreeBytes, share);
}

/** The states of all folders. `before`: the levels of the last reading. */
export function statesOf(
  spaces: ReadonlyMap<FolderName, FolderSpace>,
  settings: StorageSettings,
  before: ReadonlyMap<FolderName, Level>,
): FolderState[] {
  const databaseDevices = new Set(
    (["data", "wal"] as const).flatMap((name) => spaces.get(name)?.device ?? []),
  );
  return [...spaces].map(([folder, space]) => {
    const holdsDatabase = databaseDevices.has(space.device);
    const { minFreeBytes } = settings;
    const reserveBytes = reserveOf(space, { minFreeBytes, holdsDatabase });
    return {
      folder,
      space,
      reserveBytes,
      resumeBytes: Math.ceil(reserveBytes * hysteresis),
      level: levelOf({ space, reserveBytes, before: before.get(folder) ?? "ok" }),
    };
  });
}

function levelOf({
  space,
  reserveBytes,
  before,
}: {
  readonly space: FolderSpace;
  readonly reserveBytes: number;
  readonly before: Level;
}): Level {
  if (reserveBytes === 0) return "ok";
  // 1 is exactly the reserve
  const free = Math.min(space.freeBytes / reserveBytes, freeFileShare(space));
  if (free < criticalShare * (before === "critical" ? hysteresis : 1)) return "critical";
  return free < (before === "ok" ? 1 : hysteresis) ? "low" : "ok";
}

/** A file system can run out of files (inodes) with bytes left; then nothing can be created either. */
function freeFileShare({ freeFiles, totalFiles }: FolderSpace): number {
  if (freeFiles === undefined || totalFiles === undefined) return Number.POSITIVE_INFINITY;
  return freeFiles / Math.max(1, Math.min(reserveFiles, totalFiles * mostFileShare));
}

const words: Readonly<Record<FolderName, string>> = {
  data: "the database",
  wal: "the write-ahead log",
  logs: "the logs",
  cache: "the index cache",
  keys: "the key files",
  state: "the data folder",
};

/** Why no events are accepted, in a sentence for senders and operators. */
export function sentenceOf(states: readonly FolderState[]): string | undefined {
  const [worst] = [...states].sort((a, b) => missing(b) - missing(a));
  if (worst === undefined) return undefined;
  const { space, reserveBytes, resumeBytes } = worst;
  const where = states
    .filter((state) => state.space.device === space.device)
    .map(({ folder }) => words[folder])
    .join(", ");
  if (space.freeBytes >= resumeBytes) {
    return `the disk of ${where} has room for only ${space.freeFiles} more files; no events are accepted until some are deleted`;
  }
  return `the disk of ${where} has ${formatSize(space.freeBytes)} left and ${formatSize(reserveBytes)} must stay free (storage.min_free); no events are accepted until ${formatSize(resumeBytes)} are free`;
}

function missing({ space, resumeBytes }: FolderState): number {
  return resumeBytes - space.freeBytes;
}
