import { execFile } from "node:child_process";
import { readdir, readFile, readlink } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { pause } from "../../timing/pause.ts";

/** What a running or killed server wrote about itself into `postmaster.pid`. */
export interface PidFile {
  readonly pid: number;
  /** Part of the socket's name too. */
  readonly port: string;
  /** `starting`, `ready`, `stopping`, `standby` */
  readonly status: string;
}

const run = promisify(execFile);

export async function readPidFile(data: string): Promise<PidFile | undefined> {
  const text = await readFile(join(data, "postmaster.pid"), "utf8").catch(() => undefined);
  if (text === undefined) return undefined;
  const lines = text.split("\n");
  const pid = Math.abs(Number.parseInt(lines[0] ?? "", 10));
  if (!Number.isSafeInteger(pid) || pid === 0) return undefined;
  return { pid, port: lines[3] ?? "", status: (lines[7] ?? "starting").trim() };
}

/**
 * Whether process `pid` is a running server of `data` (a path without links). A zombie is dead, and so is a process that got
 * the pid of a dead server: both would prevent PostgreSQL from ever starting.
 */
export async function isServerOf(pid: number, data: string): Promise<boolean> {
  if (process.platform === "linux") {
    const state = (await processStatus(pid))?.[0];
    if (state === undefined || state === "Z" || state === "X") return false;
    // the server's working directory is its data folder, also when that was moved or deleted meanwhile
    const folder = await readlink(`/proc/${pid}/cwd`).catch(() => undefined);
    if (folder !== undefined) return folder === data || folder === `${data} (deleted)`;
    const command = await readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "");
    return command.split("\0").includes(data);
  }
  const { stdout } = await run("ps", ["-o", "stat=,command=", "-p", String(pid)], {
    timeout: 5_000,
  }).catch(() => ({ stdout: "" }));
  const [state = "Z", ...command] = stdout.trim().split(/\s+/);
  return !state.startsWith("Z") && command.join(" ").includes(data);
}

/** The state letter of proc(5), such as T for stopped; undefined when there is no such process. */
export async function processState(pid: number): Promise<string | undefined> {
  return (await processStatus(pid))?.[0];
}

/** State and parent first, as in proc(5). */
async function processStatus(pid: number): Promise<string[] | undefined> {
  const text = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => undefined);
  // "pid (command) S ...": the command itself may contain blanks and brackets
  return text?.slice(text.lastIndexOf(")") + 2).split(" ");
}

/** All running processes of the server in `data`. */
export async function serverProcesses(data: string): Promise<number[]> {
  if (process.platform !== "linux") {
    const file = await readPidFile(data);
    return file !== undefined && (await isServerOf(file.pid, data)) ? [file.pid] : [];
  }
  const found: number[] = [];
  for (const entry of await readdir("/proc")) {
    const pid = Number(entry);
    if (Number.isInteger(pid) && (await isServerOf(pid, data))) found.push(pid);
  }
  return found;
}

/**
 * Children that outlive a killed server for a moment; until they end, no other can start. The children
 * of a running server do not count: another supervisor may have started it meanwhile.
 */
async function orphans(data: string): Promise<number[]> {
  if (process.platform !== "linux") return [];
  const all = await serverProcesses(data);
  const found: number[] = [];
  for (const pid of all) {
    const title = await readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "");
    const parent = Number((await processStatus(pid))?.[1]);
    if (title.startsWith("postgres:") && !all.includes(parent)) found.push(pid);
  }
  return found;
}

/** Waits until no process of a killed server is left; kills those that remain after `patienceMs`. */
export async function waitUntilGone(data: string, patienceMs = 10_000): Promise<void> {
  const patience = performance.now() + patienceMs;
  for (;;) {
    const left = await orphans(data);
    if (left.length === 0) return;
    if (performance.now() > patience) for (const pid of left) signal(pid, "SIGKILL");
    await pause(20);
  }
}

/** Polls until `pid` is no longer the server of `data`; false when the time limit passes, or `stop` aborts, first. */
export async function waitForExit(
  pid: number,
  data: string,
  { limitMs, stop }: { readonly limitMs: number; readonly stop?: AbortSignal | undefined },
): Promise<boolean> {
  const limit = performance.now() + limitMs;
  while (await isServerOf(pid, data)) {
    if (performance.now() > limit || stop?.aborted === true) return false;
    await pause(10, stop);
  }
  return true;
}

export function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}
