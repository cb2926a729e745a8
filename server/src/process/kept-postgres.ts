import { join } from "node:path";
import { type EmbeddedPostgres, startEmbeddedPostgres } from "../adapters/postgres/embedded.ts";
import { withRole } from "../adapters/postgres/location.ts";
import { pruneServerLogs } from "../adapters/postgres/server-logs.ts";
import { createEpisode } from "../core/episode.ts";
import { messageOf } from "../core/errors.ts";
import type { Logger } from "../core/ports/logger.ts";
import { retryWithBackoff } from "../timing/backoff.ts";
import type { DatabaseUrls } from "./databases.ts";

export interface KeptPostgres {
  readonly urls: DatabaseUrls;
  readonly dataFolder: string;
  pid(): number;
  onRestart(listener: () => void): void;
  [Symbol.asyncDispose](): Promise<void>;
}

export interface KeptPostgresOptions {
  readonly stateDir: string;
  /** Limits of the server's own log. */
  readonly log: { readonly maxBytes: number; readonly files: number };
  /** Gets one line when the server ends and one when it runs again. */
  readonly logger: Logger;
  /** Gets a sentence while it is not running, and undefined when it runs again. */
  readonly onProblem: (problem: string | undefined) => void;
}

const pruneEveryMs = 60_000;

/**
 * Starts the embedded PostgreSQL and restarts it whenever it ends unexpectedly (killed, out of memory or disk
 * space). It recovers from its write-ahead log, and the pools of the parts reconnect by themselves.
 */
export async function keepPostgresRunning(options: KeptPostgresOptions): Promise<KeptPostgres> {
  const { stateDir, log, onProblem } = options;
  const start = () =>
    startEmbeddedPostgres({
      dataDir: join(stateDir, "postgres"),
      stateDir,
      logFileBytes: log.maxBytes,
    });
  const stopping = new AbortController();
  let server = await start();
  let restarted = () => {};
  const outage = createEpisode({
    logger: options.logger,
    began: "PostgreSQL ended and is restarted",
    ended: "PostgreSQL runs again",
    monotonic: () => performance.now(),
  });

  async function watch(current: EmbeddedPostgres): Promise<void> {
    const { expected } = await current.exited;
    if (expected || stopping.signal.aborted) return;
    onProblem("PostgreSQL ended, restarting");
    outage.begin({ process: "postgres" });
    server = await retryWithBackoff(start, {
      firstMs: 100,
      lastMs: 5_000,
      signal: stopping.signal,
      onFailure(error) {
        onProblem(`PostgreSQL does not start: ${messageOf(error)}`);
        return true;
      },
    });
    if (stopping.signal.aborted) {
      await server.stop();
      return;
    }
    onProblem(undefined);
    outage.end({ process: "postgres", pid: server.pid });
    restarted();
    return watch(server);
  }
  // rejects only when it is stopped while PostgreSQL cannot be started
  void watch(server).catch(() => undefined);

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
    async [Symbol.asyncDispose]() {
      clearInterval(pruning);
      stopping.abort();
      await server.stop();
    },
  };
}
