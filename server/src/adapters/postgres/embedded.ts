import type { ChildProcess } from "node:child_process";
import { join } from "node:path";
import { pause } from "../../timing/pause.ts";
import { continueServer, serverAnswers, stoppedProcesses } from "./answers.ts";
import { findBinaries } from "./binaries.ts";
import { type ClusterFolders, prepareFolders } from "./cluster.ts";
import {
  endLaunched,
  type Found,
  findOrLaunch,
  isEndingServer,
  type Waiting,
  waitUntilReady,
} from "./launch.ts";
import { type Lifeline, startLifeline } from "./lifeline.ts";
import { locationUrl } from "./location.ts";
import { isServerOf, signal, waitForExit, waitUntilGone } from "./server-process.ts";
import type { ServerSettings } from "./settings.ts";
import { Supervision } from "./supervision.ts";
import { postgresUser } from "./system-user.ts";

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
  /** Cancels the start; what was started is ended before it rejects with the signal's reason. */
  readonly signal?: AbortSignal;
}

export interface EmbeddedPostgres {
  /** URL of the owner, a superuser of this cluster; `locationUrl` gives those of other roles. */
  readonly url: string;
  readonly socketFolder: string;
  readonly dataFolder: string;
  readonly pid: number;
  /** Path of the server's own log. */
  readonly logFolder: string;
  /** Whether a server whose supervisor had died was taken over, instead of a new one started. */
  readonly takenOver: boolean;
  /** Resolves when the server is gone, whatever the cause; `expected` after `stop`. */
  readonly exited: Promise<{ readonly expected: boolean }>;
  /** Whether it answers a connection attempt within `limitMs`, be it with a refusal. */
  answers(limitMs: number): Promise<boolean>;
  /** Its processes that are stopped (SIGSTOP); known on Linux only. */
  stoppedProcesses(): Promise<readonly number[]>;
  /** Continues stopped processes; others do not notice. */
  continue(): Promise<void>;
  /** Ends a server that hangs, within 20 s: immediate shutdown, then SIGKILL. `exited` is not expected. */
  endHung(): Promise<void>;
  /** Fast shutdown; open transactions are rolled back. Idempotent. */
  stop(): Promise<void>;
  /** Immediate shutdown: the next start recovers from the write-ahead log. Also shortens a running `stop`. */
  stopNow(): Promise<void>;
  /** Ends the supervision and leaves the server running, for the next supervisor to take over. */
  leave(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

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

  for (;;) {
    const found = await findOrLaunch({ ...options, log, limit, user, folders, binaries });
    try {
      return await supervise({ ...found, folders, log, limit, signal: options.signal });
    } catch (error) {
      // what was started here and cannot be supervised must not be left running
      if (found.child !== undefined) await endLaunched(found.child, folders.data);
      found.lifeline?.release();
      // the lifeline of a killed supervisor may be shutting its server down
      const isEnding = found.takenOver && (await isEndingServer(found.pid, folders.data));
      if (!isEnding || performance.now() > limit) throw error;
    }
  }
}

async function supervise(
  of: Found & Waiting & Pick<Supervised, "folders" | "log">,
): Promise<EmbeddedPostgres> {
  const { pid, folders, takenOver, log } = of;
  const { port } = await waitUntilReady(pid, folders.data, of);
  const url = (database: string): string =>
    locationUrl({ socket: folders.socket, port, user: "weir", database });
  const supervision = await Supervision.begin({ url, data: folders.data, pid, log });
  if (takenOver) log(`took over the running PostgreSQL (pid ${pid})`);
  const lifeline = of.lifeline ?? startLifeline(folders.data);
  if (of.lifeline === undefined) lifeline.guard(pid);
  return supervised({ ...of, url: url("weir"), port, supervision, lifeline });
}

interface Supervised {
  readonly pid: number;
  readonly url: string;
  readonly port: string;
  readonly folders: ClusterFolders;
  readonly child?: ChildProcess;
  readonly supervision: Supervision;
  readonly lifeline: Lifeline;
  readonly takenOver: boolean;
  readonly log: (message: string) => void;
}

function supervised(of: Supervised): EmbeddedPostgres {
  const { pid, folders, child, supervision, lifeline } = of;
  let expected = false;
  const left = new AbortController();
  const exited = watchExit(of, left.signal).then(() => {
    supervision.serverGone();
    lifeline.release();
    return { expected };
  });
  let stopping: Promise<void> | undefined;

  async function stop(): Promise<void> {
    // already gone; the server running there now may belong to another supervisor
    if (!(await isServerOf(pid, folders.data))) return;
    expected = true;
    await supervision.end();
    await escalate(shutdown);
    await waitUntilGone(folders.data);
  }

  async function escalate(steps: readonly Step[]): Promise<void> {
    // a stopped process receives no other signal
    await continueServer(folders.data);
    for (const [name, patience] of steps) {
      if (!(await isServerOf(pid, folders.data))) return;
      signal(pid, name);
      if (await waitForExit(pid, folders.data, { limitMs: patience })) return;
      of.log(`PostgreSQL (pid ${pid}) did not react to ${name} within ${patience / 1000} s`);
    }
  }

  return {
    url: of.url,
    socketFolder: folders.socket,
    dataFolder: folders.data,
    logFolder: folders.log,
    pid,
    takenOver: of.takenOver,
    exited,
    answers: (limitMs) => serverAnswers({ socketFolder: folders.socket, port: of.port }, limitMs),
    stoppedProcesses: () => stoppedProcesses(pid),
    continue: () => continueServer(folders.data),
    endHung: () => escalate(immediate),
    stop() {
      stopping ??= stop();
      return stopping;
    },
    async stopNow() {
      const stopped = this.stop();
      await escalate(immediate);
      await stopped;
    },
    async leave() {
      left.abort();
      lifeline.release();
      child?.unref();
      await supervision.end();
    },
    [Symbol.asyncDispose]() {
      return this.stop();
    },
  };
}

/** A signal, and how long to wait for its effect in milliseconds. */
type Step = readonly [NodeJS.Signals, number];

const immediate: readonly Step[] = [
  ["SIGQUIT", 10_000],
  ["SIGKILL", 10_000],
];
/** Fast shutdown, then immediate, then SIGKILL. */
const shutdown: readonly Step[] = [["SIGINT", 30_000], ...immediate];

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
