import {
  type NotificationsConnection,
  openNotifications,
} from "../adapters/postgres/notifications.ts";
import { openPool, type Pool, type PoolOptions } from "../adapters/postgres/pool.ts";
import type { Logger } from "../adapters/telemetry/logger.ts";
import type { Config } from "../config/schema.ts";
import { DatabaseError } from "../core/ports/database.ts";

export interface DatabaseUrls {
  /** Makes the tables; used by migrations, retention and the command line. */
  readonly owner: string;
  /** Reads; writes everything but the raw log. */
  readonly app: string;
  /** Appends to the raw log and can do nothing else. */
  readonly ingest: string;
}

/** Where the database is; undefined when none is configured (then `weir up` brings its own). */
export function configuredUrls({ database }: Config): DatabaseUrls | undefined {
  const owner = database.url;
  if (owner === null) return undefined;
  return {
    owner,
    app: database.app_url ?? actingAs(owner, "weir_app"),
    ingest: database.ingest_url ?? actingAs(owner, "weir_ingest"),
  };
}

/** The variables by which a supervisor hands the database to its children. */
export function urlVariables(urls: DatabaseUrls): Record<string, string> {
  return {
    WEIR_DATABASE_URL: urls.owner,
    WEIR_DATABASE_APP_URL: urls.app,
    WEIR_DATABASE_INGEST_URL: urls.ingest,
  };
}

/**
 * The owner's address with the rights of a lesser role: for installations that configure one URL
 * only. It guards against mistakes; separate logins (`app_url`, `ingest_url`) guard against intruders.
 */
function actingAs(url: string, role: string): string {
  const address = new URL(url);
  address.searchParams.set("options", `-c role=${role}`);
  return address.href;
}

export interface Connections {
  pool(options: Omit<PoolOptions, "onIdleError">): Pool;
  notifications(url: string, applicationName: string): NotificationsConnection;
}

/** Opens pools that close, in reverse order, with `stack`, and that log what breaks. */
export function openConnections(stack: AsyncDisposableStack, logger: Logger): Connections {
  return {
    pool: (options) =>
      stack.use(
        openPool({
          ...options,
          onIdleError: (error) =>
            logger.warn(
              { pool: options.applicationName, reason: error.message },
              "connection lost",
            ),
        }),
      ),
    notifications: (url, applicationName) =>
      stack.use(
        openNotifications({
          url,
          applicationName,
          onError: (error) =>
            logger.warn({ pool: applicationName, reason: error.message }, "notifications lost"),
        }),
      ),
  };
}

const firstPauseMs = 100;
const lastPauseMs = 5_000;

/** Waits, with growing pauses, for a database that is not there yet; any other failure is thrown. */
export async function untilDatabaseAnswers<T>(logger: Logger, work: () => Promise<T>): Promise<T> {
  for (let pause = firstPauseMs; ; pause = Math.min(pause * 2, lastPauseMs)) {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof DatabaseError && error.retryable)) throw error;
      logger.warn({ reason: error.message }, "the database does not answer yet");
      await new Promise((resolve) => setTimeout(resolve, pause));
    }
  }
}
