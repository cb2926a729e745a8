/** Where installs of servers are kept: one folder for each name and version, complete when it holds `installed.json`. */
import { closeSync, openSync, readFileSync, rmSync, writeSync } from "node:fs";
import { mkdir, rm, writeFile } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import { until } from "../../until.ts";

/** As root below /var/cache, because the servers then run as another user, who cannot enter root's home. */
export function cacheFolder(): string {
  const chosen = process.env["WEIR_SERVICES_CACHE"];
  if (chosen !== undefined && chosen !== "") return chosen;
  if (process.getuid?.() === 0) return "/var/cache/weir/services";
  return join(process.env["XDG_CACHE_HOME"] ?? join(homedir(), ".cache"), "weir", "services");
}

export function isComplete(folder: string): boolean {
  try {
    readFileSync(join(folder, "installed.json"));
    return true;
  } catch {
    return false;
  }
}

/**
 * Calls `build` with the empty folder and marks it complete, unless another process did so in the
 * meantime. What an interrupted install left is removed first.
 */
export async function installOnce(
  folder: string,
  build: (folder: string) => Promise<void>,
): Promise<void> {
  await mkdir(cacheFolder(), { recursive: true });
  const release = await lock(`${folder}.lock`);
  try {
    if (isComplete(folder)) return;
    await rm(folder, { recursive: true, force: true });
    await mkdir(folder, { recursive: true });
    await build(folder);
    await writeFile(join(folder, "installed.json"), `${JSON.stringify({ complete: true })}\n`);
  } finally {
    release();
  }
}

/** Waits while another living process holds the lock; returns its release. */
async function lock(file: string): Promise<() => void> {
  await until(() => tryLock(file), {
    what: `the install of another process (${file})`,
    timeoutMs: 900_000,
    everyMs: 200,
  });
  return () => rmSync(file, { force: true });
}

function tryLock(file: string): boolean {
  try {
    const descriptor = openSync(file, "wx");
    writeSync(descriptor, String(process.pid));
    closeSync(descriptor);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
  }
  const holder = readHolder(file);
  if (holder !== undefined && !isRunning(holder)) rmSync(file, { force: true });
  return false;
}

/** Undefined while the holder has not written its process id yet. */
function readHolder(file: string): number | undefined {
  try {
    return Number(readFileSync(file, "utf8")) || undefined;
  } catch {
    return undefined;
  }
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}
