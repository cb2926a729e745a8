/** Files that are whole or not there, also when the disk is full or the machine stops. */
import {
  closeSync,
  fchmodSync,
  fsyncSync,
  mkdirSync,
  openSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { dirname } from "node:path";

/** Not `recursive`: below /proc Node.js would retry without end. */
function makeFolder(folder: string): void {
  try {
    mkdirSync(folder, { mode: 0o700 });
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "EEXIST") return;
    if (code !== "ENOENT" || dirname(folder) === folder) throw error;
    makeFolder(dirname(folder));
    mkdirSync(folder, { mode: 0o700 });
  }
}

/**
 * Replaces the file: a reader finds the previous content or the new one, never a part. Written beside it, synced
 * and renamed. Creates the folder (mode 0700) when it is missing.
 * @param mode of the file; default 0600
 * @throws NodeJS.ErrnoException, such as ENOSPC; then the previous content is still there
 */
export function writeFileAtomically(path: string, content: string | Buffer, mode = 0o600): void {
  const folder = dirname(path);
  makeFolder(folder);
  const draft = `${path}.new-${process.pid}`;
  try {
    // "wx" follows no link that another user may have put there
    rmSync(draft, { force: true });
    const fd = openSync(draft, "wx", mode);
    try {
      // the mode of openSync is reduced by the umask
      fchmodSync(fd, mode);
      writeFileSync(fd, content);
      fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
    renameSync(draft, path);
  } catch (error) {
    rmSync(draft, { force: true });
    throw error;
  }
  syncFolder(folder);
}

/** The new name is on disk only when its folder is. Not every system can sync a folder. */
function syncFolder(folder: string): void {
  try {
    const fd = openSync(folder, "r");
    try {
      fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
  } catch {}
}
