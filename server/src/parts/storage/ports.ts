/** The interfaces that the part needs. */

/** What Weir writes to. `data` and `wal` belong to the embedded PostgreSQL. */
export const folderNames = ["data", "wal", "logs", "cache", "keys", "state"] as const;
export type FolderName = (typeof folderNames)[number];

/** The room on the file system of a folder. */
export interface FolderSpace {
  /** Equal for folders on the same file system. */
  readonly device: number;
  readonly freeBytes: number;
  readonly totalBytes: number;
  /** Files that may still be created; undefined where there is no limit. */
  readonly freeFiles: number | undefined;
  readonly totalFiles: number | undefined;
}

/** Reads the room of all folders; those that cannot be examined are missing. */
export type ReadSpace = () => Promise<ReadonlyMap<FolderName, FolderSpace>>;

export interface StorageSettings {
  /** Bytes that must stay free; undefined: the default, which follows the size of each file system. */
  readonly minFreeBytes: number | undefined;
  /** Folders without whose reserve no events are accepted; the others are only reported. */
  readonly guarded: readonly FolderName[];
}
