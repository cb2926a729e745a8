import { join } from "node:path";
import { type EmbeddedPostgres, startEmbeddedPostgres } from "../adapters/postgres/embedded.ts";
import { withRole } from "../adapters/postgres/location.ts";
import { pruneServerLogs } from "../adapters/postgres/server-logs.ts";
import { createEpisode } from "../core/episode.ts";
import { messageOf } from "../core/errors.ts";
import type { Logger } from "../core/ports/logger.ts";
import { retryWithBackoff } from "../timing/backoff.ts";
import { pause } from "../timing/pause.ts";
import type { DatabaseUrls } from "./databases.ts";
import type { ProcessStates } from "./process-states.ts";
import { readVitals } from "./vitals.ts";

export interface KeptPostgres {
  readonly urls: DatabaseUrls;
  readonly dataFolder: string;
  pid(): number;
  onRestart(listener: () => void): void;
  /** Immediate shutdown instead of the fast one; the next start recovers. */
  stopNow(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

export interface KeepOptions {
  /** The data folder of the installation. */
  readonly stateDir: string;
  /** A server that answers nothing for this long is restarted. */
  readonly hangTimeoutMs: number;
  readonly states: ProcessStates;
  /** Default: PostgreSQL's. */
  readonly maxConnections?: number;
  /** Limits of the server's own log. */
  readonly log: { readonly maxBytes: number; readonly files: number };
  /** Gets a line when the server ends, runs again, is continued or killed. */
  readonly logger: Logger;
  /** Cancels the first start. */
  readonly signal: AbortSignal;
}

/** The name in messages, health and metrics. */
const name = "postgres";
const pruneEveryMs = 60_000;
const checkIntervalMs = 2_000;
/** A server under load forks and answers within this time; an answer takes 1 ms on an idle one. */
const answerLimitMs = 8_000;

/**
 * Starts the embedded PostgreSQL and restarts it whenever it ends unexpectedly (killed, out of
 * memory or disk space). It recovers from its write-ahead log, and the pools of the parts reconnect by themselves.
 * Stopped processes of the server are continued; a server that hangs is restarted.
 */
export async function keepPostgresRunning(options: KeepOptions): Promise<KeptPostgres> {
  const { stateDir, states, log } = options;
  const stopping = new AbortController();
  const start = (signal: AbortSignal) =>
    startEmbeddedPostgres({
      dataDir: join(stateDir, "postgres"),
      stateDir,
      logFileBytes: log.maxBytes,
      ...(options.maxConnections === undefined ? {} : { maxConnections: options.maxConnections }),
      signal,
    });
  let server = await start(options.signal);
  let restarted = () => {};
  states.running(name);
  const outage = createEpisode({
    logger: options.logger,
    began: "PostgreSQL ended and is restarted",
    ended: "PostgreSQL runs again",
    monotonic: () => performance.now(),
  });

  async function watch(current: EmbeddedPostgres): Promise<void> {
    const ended = new AbortController();
    const health = watchAnswers(current, { ...options, signal: ended.signal });
    const { expected } = await current.exited;
    ended.abort();
    const { hung } = await health;
    if (expected || stopping.signal.aborted) return;
    const reason = hung ? "frozen" : "signal";
    states.restarting(name, reason, "PostgreSQL ended, restarting");
    outage.begin({ process: name, reason });
    server = await retryWithBackoff(() => start(stopping.signal), {
      firstMs: 100,
      lastMs: 5_000,
      signal: stopping.signal,
      onFailure(error) {
        states.failing(name, `PostgreSQL does not start: ${messageOf(error)}`);
        return true;
      },
    });
    if (stopping.signal.aborted) {
      await server.stop();
      return;
    }
    states.running(name);
    outage.end({ process: name, pid: server.pid });
    restarted();
    return watch(server);
  }
  // rejects only when it is stopped while PostgreSQL cannot be started
  const watching = watch(server).catch(() => undefined);

  const prune = () =>
    pruneServerLogs(server.logFolder, { maxBytes: log.maxBytes * log.files }).catch(() => {});
  void prune();
  const pruning = setInterval(() => void prune(), pruneEveryMs).unref();

  return {
    urls: {
      owner: server.url,
      app: withRole(server.url, "weir_app"),
      ingest: withRole(server.url, "weir_ingest"),
    },
    dataFolder: server.dataFolder,
    pid: () => server.pid,
    onRestart(listener) {
      restarted = listener;
    },
    stopNow: () => server.stopNow(),
    async [Symbol.asyncDispose]() {
      clearInterval(pruning);
      stopping.abort();
      await server.stop();
      await watching;
    },
  };
}

/**
 * Looks at a running server every two seconds until the signal aborts. Its stopped processes (SIGSTOP) are
 * continued: that is safe, and they may hold locks that every commit needs. A server that answers no
 * connection attempt is ended after `hangTimeoutMs`, added up from the failed attempts, so that a suspended
 * supervisor or a sleeping machine does not count.
 */
async function watchAnswers(
  server: EmbeddedPostgres,
  { states, logger, hangTimeoutMs, signal }: KeepOptions,
): Promise<{ readonly hung: boolean }> {
  let stopped: readonly number[] = [];
  let silentMs = 0;
  while (!signal.aborted) {
    await pause(checkIntervalMs, signal);
    // seen twice: a debugger or a fork may stop a process for a moment
    const seen = await server.stoppedProcesses();
    const frozen = seen.filter((pid) => stopped.includes(pid));
    stopped = seen;
    if (frozen.length > 0) {
      logger.warn(
        { process: name, pids: frozen, reason: "frozen" },
        "stopped processes are continued",
      );
      states.continued(name);
      await server.continue();
    } else if (seen.length > 0) continue;
    const answered = await server.answers(answerLimitMs);
    if (signal.aborted) break;
    if (answered) {
      if (silentMs > 0) states.running(name);
      silentMs = 0;
      continue;
    }
    // one that gets no CPU time, or waits for a disk, does not answer sooner for a restart
    if (/[RD]/.test(readVitals(server.pid)?.states ?? "")) continue;
    silentMs += answerLimitMs + checkIntervalMs;
    states.failing(name, "PostgreSQL does not answer");
    await server.continue();
    if (silentMs < hangTimeoutMs) continue;
    logger.warn(
      { process: name, silent_ms: silentMs },
      "a process gives no sign of life and is killed",
    );
    await server.endHung();
    return { hung: true };
  }
  return { hung: false };
}
