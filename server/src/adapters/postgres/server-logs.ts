import { readdir, rm, stat } from "node:fs/promises";
import { join } from "node:path";

/** Files of the last starts are useful also when each is short. */
const mostFiles = 50;

/**
 * Deletes the oldest files of the server's own log until all together have at most `maxBytes`. PostgreSQL begins new
 * files but deletes none. The newest, which is being written, is kept.
 */
export async function pruneServerLogs(
  folder: string,
  { maxBytes }: { readonly maxBytes: number },
): Promise<void> {
  const names = (await readdir(folder)).filter((name) => /^postgresql-.*\.log$/.test(name));
  const found = await Promise.all(
    names.map(async (name) => {
      const file = join(folder, name);
      const { mtimeMs, size } = await stat(file);
      return { file, mtimeMs, size };
    }),
  );
  found.sort((a, b) => b.mtimeMs - a.mtimeMs);
  let total = 0;
  for (const [n, { file, size }] of found.entries()) {
    total += size;
    if (n > 0 && (total > maxBytes || n >= mostFiles)) await rm(file, { force: true });
  }
}
