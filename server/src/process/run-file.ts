import { readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { writeFileAtomically } from "../adapters/files/atomic-file.ts";

/** `.weir/run.json`, by which scripts and other commands find the running Weir. */
export interface RunFile {
  readonly version: string;
  readonly url: string;
  readonly shop_url: string | null;
  readonly pids: Readonly<Record<string, number>>;
  readonly database_url: string;
  /** Files with one key each, mode 0600. */
  readonly keys: { readonly admin: string | null; readonly demo: string | null };
}

const name = "run.json";

/** Written atomically: a reader never sees a part of it. */
export function writeRunFile(dataDir: string, run: RunFile): void {
  writeFileAtomically(join(dataDir, name), `${JSON.stringify(run, null, 2)}\n`);
}

export function readRunFile(dataDir: string): RunFile | undefined {
  try {
    return JSON.parse(readFileSync(join(dataDir, name), "utf8")) as RunFile;
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}

/** Also below a path that is no folder. */
function isMissing(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException;
  return code === "ENOENT" || code === "ENOTDIR";
}

export function removeRunFile(dataDir: string): void {
  rmSync(join(dataDir, name), { force: true });
}

/** Writes a secret to a file that only its owner can read, whole or not at all. */
export function writeSecretFile(path: string, secret: string): void {
  writeFileAtomically(path, `${secret}\n`);
}

export function readSecretFile(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8").trim();
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}
