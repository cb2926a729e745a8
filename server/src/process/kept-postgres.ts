import { join } from "node:path";
import { type EmbeddedPostgres, startEmbeddedPostgres } from "../adapters/postgres/embedded.ts";
import { withRole } from "../adapters/postgres/location.ts";
import type { DatabaseUrls } from "./databases.ts";

export interface KeptPostgres {
  readonly urls: DatabaseUrls;
  pid(): number;
  onRestart(listener: () => void): void;
  [Symbol.asyncDispose](): Promise<void>;
}

const firstPauseMs = 100;
const lastPauseMs = 5_000;

/**
 * Starts the embedded PostgreSQL and starts it again whenever it ends unasked (killed, out of
 * memory): it recovers from its log, and the parts' pools find it again by themselves.
 */
export async function keepPostgresRunning(
  stateDir: string,
  tell: (problem: string | undefined) => void,
): Promise<KeptPostgres> {
  const start = () => startEmbeddedPostgres({ dataDir: join(stateDir, "postgres"), stateDir });
  let server = await start();
  let stopping = false;
  let restarted = () => {};

  async function watch(current: EmbeddedPostgres): Promise<void> {
    const { expected } = await current.exited;
    if (expected || stopping) return;
    tell("PostgreSQL ended, starting it again");
    for (let pause = firstPauseMs; !stopping; pause = Math.min(pause * 2, lastPauseMs)) {
      try {
        server = await start();
        if (stopping) await server.stop();
        tell(undefined);
        restarted();
        return watch(server);
      } catch (error) {
        tell(
          `PostgreSQL does not start: ${error instanceof Error ? error.message : String(error)}`,
        );
        await new Promise((resolve) => setTimeout(resolve, pause));
      }
    }
  }
  void watch(server);

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
      stopping = true;
      await server.stop();
    },
  };
}
