import { closeSync, fsyncSync, linkSync, openSync, rmSync, writeFileSync } from "node:fs";

/**
 * Creates a file that is whole or not there; false when one is there already, which stays as it is, also when
 * two processes create it at the same time.
 */
export function createFile(path: string, content: string, mode: number): boolean {
  const draft = `${path}.new-${process.pid}`;
  rmSync(draft, { force: true });
  try {
    const fd = openSync(draft, "wx", mode);
    try {
      writeFileSync(fd, content);
      fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
    // unlike a rename, a link replaces nothing
    linkSync(draft, path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return false;
    throw error;
  } finally {
    rmSync(draft, { force: true });
  }
}
