/** How a server of a cluster is found or started, and how a start is cancelled. */
import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, openSync } from "node:fs";
import { readFile, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { pause } from "../../timing/pause.ts";
import { continueServer } from "./answers.ts";
import type { PostgresBinaries } from "./binaries.ts";
import { type ClusterFolders, initialise, writeConfiguration } from "./cluster.ts";
import { type Lifeline, startLifeline } from "./lifeline.ts";
import {
  isServerOf,
  type PidFile,
  readPidFile,
  waitForExit,
  waitUntilGone,
} from "./server-process.ts";
import type { ServerSettings } from "./settings.ts";
import type { SystemUser } from "./system-user.ts";

const endingPatienceMs = 60_000;
const cancelPatienceMs = 5_000;

/** The first lines of the server's output show why it did not start. */
const shownLog = 2_000;

/** A server that runs: taken over, or started here and then with its process and its lifeline. */
export interface Found {
  readonly pid: number;
  readonly takenOver: boolean;
  readonly child?: ChildProcess;
  readonly lifeline?: Lifeline;
}

export interface Launch {
  readonly durable?: boolean;
  readonly signal?: AbortSignal;
  readonly log: (message: string) => void;
  readonly limit: number;
  readonly user: SystemUser | undefined;
  readonly folders: ClusterFolders;
  readonly binaries: PostgresBinaries;
}

/**
 * The server that runs in the folder, or a new one, once it has locked the folder (not yet ready). Creates
 * the cluster when there is none.
 */
export async function findOrLaunch(options: Launch & ServerSettings): Promise<Found> {
  const { folders, user, signal: stop, log, limit } = options;
  for (;;) {
    stop?.throwIfAborted();
    const running = await livingServer(folders.data, stop);
    if (running !== undefined) {
      // its supervisor may have died while it was stopped
      await continueServer(folders.data);
      return { pid: running.pid, takenOver: true };
    }
    const durable = options.durable !== false;
    if (await initialise({ ...options, durable, signal: stop })) {
      log("initialised a new PostgreSQL cluster");
    }
    await writeConfiguration(folders, user, options);
    const attempt = await launch(options);
    if (attempt.outcome === "running") return { ...attempt, takenOver: false };
    if (attempt.outcome === "failed")
      throw new Error(`PostgreSQL did not start: ${attempt.reason}`);
    if (attempt.outcome === "remains") {
      await waitUntilGone(folders.data);
      await pause(50, stop);
    }
    if (performance.now() > limit) throw new Error("PostgreSQL did not start in time.");
  }
}

/** Ends a server that was started here, within 15 s. */
export async function endLaunched(child: ChildProcess, data: string): Promise<void> {
  const { pid } = child;
  if (pid === undefined) return;
  for (const name of ["SIGINT", "SIGQUIT", "SIGKILL"] as const) {
    if (child.exitCode !== null || child.signalCode !== null) break;
    child.kill(name);
    if (await waitForExit(pid, data, { limitMs: cancelPatienceMs })) break;
  }
  await waitUntilGone(data);
}

export async function isEndingServer(pid: number, data: string): Promise<boolean> {
  const file = await readPidFile(data);
  return file?.status === "stopping" || !(await isServerOf(pid, data));
}

/** Waits for a server that is shutting down: a shutdown cannot be cancelled. */
async function livingServer(
  data: string,
  stop: AbortSignal | undefined,
): Promise<{ pid: number } | undefined> {
  const file = await readPidFile(data);
  if (file === undefined || !(await isServerOf(file.pid, data))) return undefined;
  if (file.status !== "stopping") return { pid: file.pid };
  await waitForExit(file.pid, data, { limitMs: endingPatienceMs, stop });
  return undefined;
}

type Attempt =
  | {
      readonly outcome: "running";
      readonly pid: number;
      readonly child: ChildProcess;
      readonly lifeline: Lifeline;
    }
  | { readonly outcome: "lost race" }
  | { readonly outcome: "remains" }
  | { readonly outcome: "failed"; readonly reason: string };

let launches = 0;

/** The server's output at its last start, for people and for `waitUntilReady`. */
function startLogOf(data: string): string {
  return join(data, "../start.log");
}

/** Spawns the server and waits until it has locked its data folder (not yet until it is ready). */
async function launch({ binaries, folders, user, limit, signal: stop }: Launch): Promise<Attempt> {
  const stale = await readPidFile(folders.data);
  if (stale !== undefined) {
    await waitUntilGone(folders.data);
    // PostgreSQL itself takes a zombie, or any process that now has this pid, for its predecessor
    await folders.removeStalePidFile(stale.pid);
  }
  // a log per start: another process may be starting the server at the same time, and the two outputs must not mix
  const startLog = join(folders.home, `start-${process.pid}-${launches++}.log`);
  const out = openSync(startLog, "w", 0o600);
  const lifeline = startLifeline(folders.data);
  // detached: a Ctrl-C in the terminal must reach only the supervisor, which then stops the server in order
  const child = spawn(binaries.postgres, ["-D", folders.data], {
    cwd: folders.data,
    detached: true,
    stdio: ["ignore", out, out],
    env: { PATH: process.env["PATH"] ?? "", LC_ALL: "C", TZ: "UTC" },
    ...(user === undefined ? {} : { uid: user.uid, gid: user.gid }),
  });
  closeSync(out);
  if (child.pid !== undefined) lifeline.guard(child.pid);
  const discard = async () => {
    lifeline.release();
    await rm(startLog, { force: true });
  };
  let ended: string | undefined;
  child.once("exit", (code, name) => {
    ended = `it ended with ${name ?? `code ${code}`}`;
  });
  child.once("error", (error) => {
    ended = error.message;
  });
  for (;;) {
    if (ended !== undefined) {
      const words = (await readFile(startLog, "utf8").catch(() => "")).trim().slice(0, shownLog);
      await discard();
      if (/lock file "postmaster.pid" already exists/.test(words)) return { outcome: "lost race" };
      if (/pre-existing shared memory block/.test(words)) return { outcome: "remains" };
      return { outcome: "failed", reason: words === "" ? ended : words };
    }
    if ((await readPidFile(folders.data))?.pid === child.pid && child.pid !== undefined) {
      await rename(startLog, startLogOf(folders.data));
      return { outcome: "running", pid: child.pid, child, lifeline };
    }
    if (stop?.aborted === true) {
      await endLaunched(child, folders.data);
      await discard();
      throw stop.reason;
    }
    if (performance.now() > limit) {
      child.kill("SIGKILL");
      await discard();
      return { outcome: "failed", reason: "it did not lock its data folder in time" };
    }
    await pause(5);
  }
}

export interface Waiting {
  readonly limit: number;
  readonly signal: AbortSignal | undefined;
}

/** @throws Error when it ends first, or `limit` passes; the signal's reason when that aborts */
export async function waitUntilReady(pid: number, data: string, until: Waiting): Promise<PidFile> {
  for (;;) {
    until.signal?.throwIfAborted();
    const file = await readPidFile(data);
    if (file?.pid === pid && file.status === "ready") return file;
    if (!(await isServerOf(pid, data))) {
      const words = await readFile(startLogOf(data), "utf8").catch(() => "");
      throw new Error(`PostgreSQL ended while it started. ${words.trim().slice(0, shownLog)}`);
    }
    if (performance.now() > until.limit) throw new Error("PostgreSQL was not ready in time.");
    await pause(5);
  }
}
