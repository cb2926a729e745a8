import { join } from "node:path";
import { type EmbeddedPostgres, startEmbeddedPostgres } from "../adapters/postgres/embedded.ts";
import { withRole } from "../adapters/postgres/location.ts";
import { messageOf } from "../core/errors.ts";
import { retryWithBackoff } from "../timing/backoff.ts";
import type { DatabaseUrls } from "./databases.ts";

export interface KeptPostgres {
  readonly urls: DatabaseUrls;
  pid(): number;
  onRestart(listener: () => void): void;
  [Symbol.asyncDispose](): Promise<void>;
}

/**
 * Starts the embedded PostgreSQL and restarts it whenever it ends unexpectedly (killed, out of
 * memory). It recovers from its write-ahead log, and the pools of the parts reconnect by themselves.
 * `onProblem` gets a sentence while it is not running, and undefined when it runs again.
 */
export async function keepPostgresRunning(
  stateDir: string,
  onProblem: (problem: string | undefined) => void,
): Promise<KeptPostgres> {
  const start = () => startEmbeddedPostgres({ dataDir: join(stateDir, "postgres"), stateDir });
  const stopping = new AbortController();
  let server = await start();
  let restarted = () => {};

  async function watch(current: EmbeddedPostgres): Promise<void> {
    const { expected } = await current.exited;
    if (expected || stopping.signal.aborted) return;
    onProblem("PostgreSQL ended, restarting");
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
    restarted();
    return watch(server);
  }
  // rejects only when it is stopped while PostgreSQL cannot be started
  void watch(server).catch(() => undefined);

  return {
    urls: {
      owner: server.url,
      app: withRole(server.url, "weir_app"),
      ingest: withRole(server.url, "weir_ingest"),
    },
    pid: () => server.pid,
    onRestart(listener) {
      restarted = listener;
    },
    async [Symbol.asyncDispose]() {
      stopping.abort();
      await server.stop();
    },
  };
}
