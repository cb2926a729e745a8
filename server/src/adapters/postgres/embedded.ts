import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, openSync } from "node:fs";
import { readFile, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { pause } from "../../timing/pause.ts";
import { findBinaries, type PostgresBinaries } from "./binaries.ts";
import { type ClusterFolders, initialise, prepareFolders, writeConfiguration } from "./cluster.ts";
import { locationUrl } from "./location.ts";
import {
  isServerOf,
  type PidFile,
  readPidFile,
  signal,
  waitForExit,
  waitUntilGone,
} from "./server-process.ts";
import type { ServerSettings } from "./settings.ts";
import { Supervision } from "./supervision.ts";
import { postgresUser, type SystemUser } from "./system-user.ts";

export interface EmbeddedOptions extends ServerSettings {
  /** Managed by Weir alone; created when missing. */
  readonly dataDir: string;
  /**
   * An ancestor of `dataDir` that belongs to Weir. Where PostgreSQL runs as another user (Weir as root), this
   * user may traverse it (mode +x). Without that, data below a private folder is kept in
   * `/var/lib/weir`, and `dataDir` holds a link to it.
   */
  readonly stateDir?: string;
  /** How long crash recovery may take; default 10 minutes. */
  readonly startLimitMs?: number;
  readonly log?: (message: string) => void;
}

export interface EmbeddedPostgres {
  /** URL of the owner, a superuser of this cluster; `locationUrl` gives those of other roles. */
  readonly url: string;
  readonly socketFolder: string;
  readonly pid: number;
  readonly dataFolder: string;
  /** Path of the server's own log. */
  readonly logFolder: string;
  /** Whether a server whose supervisor had died was taken over, instead of a new one started. */
  readonly takenOver: boolean;
  /** Resolves when the server is gone, whatever the cause; `expected` after `stop`. */
  readonly exited: Promise<{ readonly expected: boolean }>;
  /** Fast shutdown; open transactions are rolled back. Idempotent. */
  stop(): Promise<void>;
  /** Ends the supervision and leaves the server running, for the next supervisor to take over. */
  leave(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

const stopPatienceMs = 60_000;

/** The first lines of the server's output show why it did not start. */
const shownLog = 2_000;

/**
 * Starts PostgreSQL in `dataDir`, or takes over one that runs there without a supervisor. Resolves
 * when it answers queries and the database `weir` exists. Rejects with a readable message: another
 * supervisor, another major version, no space, missing permissions.
 */
export async function startEmbeddedPostgres(options: EmbeddedOptions): Promise<EmbeddedPostgres> {
  const log = options.log ?? (() => {});
  const limit = performance.now() + (options.startLimitMs ?? 600_000);
  if (process.platform === "win32") {
    throw new Error(
      "The embedded PostgreSQL needs unix sockets, which Node.js lacks on Windows. Set WEIR_DATABASE_URL.",
    );
  }
  const user = await postgresUser(join(options.dataDir, "cluster"));
  const folders = await prepareFolders({ ...options, user });
  const binaries = await findBinaries(user);

  let running = await livingServer(folders.data);
  let takenOver = running !== undefined;
  let child: ChildProcess | undefined;
  while (running === undefined) {
    if (await initialise({ binaries, folders, user, durable: options.durable !== false })) {
      log("initialised a new PostgreSQL cluster");
    }
    await writeConfiguration(folders, user, options);
    const attempt = await launch({ binaries, folders, user, limit });
    if (attempt.outcome === "running") {
      running = { pid: attempt.pid };
      child = attempt.child;
    } else if (attempt.outcome === "lost race") {
      running = await livingServer(folders.data);
      takenOver = running !== undefined;
    } else if (attempt.outcome === "remains") {
      await waitUntilGone(folders.data);
      await pause(50);
    } else {
      throw new Error(`PostgreSQL did not start: ${attempt.reason}`);
    }
    if (performance.now() > limit) throw new Error("PostgreSQL did not start in time.");
  }

  const { pid } = running;
  const { port } = await waitUntilReady(pid, folders.data, limit);
  const url = (database: string): string =>
    locationUrl({ socket: folders.socket, port, user: "weir", database });
  try {
    const supervision = await Supervision.begin({ url, data: folders.data, pid, log });
    if (takenOver) log(`took over the running PostgreSQL (pid ${pid})`);
    return supervised({ pid, url: url("weir"), folders, child, supervision, takenOver, log });
  } catch (error) {
    // a server that was started here and cannot be supervised must not be left running
    if (child?.kill("SIGINT")) await waitForExit(pid, folders.data, stopPatienceMs);
    throw error;
  }
}

/** Waits for a server that is shutting down: a shutdown cannot be cancelled. */
async function livingServer(data: string): Promise<{ pid: number } | undefined> {
  const file = await readPidFile(data);
  if (file === undefined || !(await isServerOf(file.pid, data))) return undefined;
  if (file.status !== "stopping") return { pid: file.pid };
  await waitForExit(file.pid, data, stopPatienceMs);
  return undefined;
}

type Attempt =
  | { readonly outcome: "running"; readonly pid: number; readonly child: ChildProcess }
  | { readonly outcome: "lost race" }
  | { readonly outcome: "remains" }
  | { readonly outcome: "failed"; readonly reason: string };

let launches = 0;

/** The server's output at its last start, for people and for `waitUntilReady`. */
function startLogOf(data: string): string {
  return join(data, "../start.log");
}

/** Spawns the server and waits until it has locked its data folder (not yet until it is ready). */
async function launch(options: {
  readonly binaries: PostgresBinaries;
  readonly folders: ClusterFolders;
  readonly user: SystemUser | undefined;
  readonly limit: number;
}): Promise<Attempt> {
  const { binaries, folders, user, limit } = options;
  const stale = await readPidFile(folders.data);
  if (stale !== undefined) {
    await waitUntilGone(folders.data);
    // PostgreSQL itself takes a zombie, or any process that now has this pid, for its predecessor
    await folders.removeStalePidFile(stale.pid);
  }
  // a log per start: another process may be starting the server at the same time, and the two outputs must not mix
  const startLog = join(folders.home, `start-${process.pid}-${launches++}.log`);
  const out = openSync(startLog, "w", 0o600);
  // detached: a Ctrl-C in the terminal must reach only the supervisor, which then stops the server in order
  const child = spawn(binaries.postgres, ["-D", folders.data], {
    cwd: folders.data,
    detached: true,
    stdio: ["ignore", out, out],
    env: { PATH: process.env["PATH"] ?? "", LC_ALL: "C", TZ: "UTC" },
    ...(user === undefined ? {} : { uid: user.uid, gid: user.gid }),
  });
  closeSync(out);
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
      await rm(startLog, { force: true });
      if (/lock file "postmaster.pid" already exists/.test(words)) return { outcome: "lost race" };
      if (/pre-existing shared memory block/.test(words)) return { outcome: "remains" };
      return { outcome: "failed", reason: words === "" ? ended : words };
    }
    if ((await readPidFile(folders.data))?.pid === child.pid && child.pid !== undefined) {
      await rename(startLog, startLogOf(folders.data));
      return { outcome: "running", pid: child.pid, child };
    }
    if (performance.now() > limit) {
      child.kill("SIGKILL");
      await rm(startLog, { force: true });
      return { outcome: "failed", reason: "it did not lock its data folder in time" };
    }
    await pause(5);
  }
}

async function waitUntilReady(pid: number, data: string, limit: number): Promise<PidFile> {
  for (;;) {
    const file = await readPidFile(data);
    if (file?.pid === pid && file.status === "ready") return file;
    if (!(await isServerOf(pid, data))) {
      const words = await readFile(startLogOf(data), "utf8").catch(() => "");
      throw new Error(`PostgreSQL ended while it started. ${words.trim().slice(0, shownLog)}`);
    }
    if (performance.now() > limit) throw new Error("PostgreSQL was not ready in time.");
    await pause(5);
  }
}

interface Supervised {
  readonly pid: number;
  readonly url: string;
  readonly folders: ClusterFolders;
  readonly child: ChildProcess | undefined;
  readonly supervision: Supervision;
  readonly takenOver: boolean;
  readonly log: (message: string) => void;
}

function supervised(of: Supervised): EmbeddedPostgres {
  const { pid, folders, child, supervision } = of;
  let expected = false;
  const left = new AbortController();
  const exited = watchExit(of, left.signal).then(() => {
    supervision.serverGone();
    return { expected };
  });
  let stopping: Promise<void> | undefined;

  async function stop(): Promise<void> {
    // already gone; the server running there now may belong to another supervisor
    if (!(await isServerOf(pid, folders.data))) return;
    expected = true;
    await supervision.end();
    for (const [name, patience] of escalation) {
      if (!(await isServerOf(pid, folders.data))) break;
      signal(pid, name);
      if (await waitForExit(pid, folders.data, patience)) break;
      of.log(`PostgreSQL (pid ${pid}) did not react to ${name} within ${patience / 1000} s`);
    }
    await waitUntilGone(folders.data);
  }

  return {
    url: of.url,
    socketFolder: folders.socket,
    dataFolder: folders.data,
    logFolder: folders.log,
    pid,
    takenOver: of.takenOver,
    exited,
    stop() {
      stopping ??= stop();
      return stopping;
    },
    async leave() {
      left.abort();
      child?.unref();
      await supervision.end();
    },
    [Symbol.asyncDispose]() {
      return this.stop();
    },
  };
}

/** Fast shutdown, then immediate, then SIGKILL; each with its time limit in milliseconds. */
const escalation = [
  ["SIGINT", 30_000],
  ["SIGQUIT", 10_000],
  ["SIGKILL", 10_000],
] as const;

/**
 * A child emits `exit`; a server that was taken over is not a child of this process and is polled. Never
 * resolves after `left`.
 */
async function watchExit(of: Supervised, left: AbortSignal): Promise<void> {
  const { child, pid, folders } = of;
  if (child === undefined) {
    while (!left.aborted && (await isServerOf(pid, folders.data))) {
      await pause(200, left);
    }
    if (left.aborted) await new Promise(() => {});
  } else if (child.exitCode === null && child.signalCode === null) {
    await new Promise<void>((resolve) => child.once("exit", () => resolve()));
  }
}
