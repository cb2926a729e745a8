import { withRole } from "../adapters/postgres/location.ts";
import {
  type NotificationsConnection,
  openNotifications,
} from "../adapters/postgres/notifications.ts";
import { createOutageWatch, type OutageWatch } from "../adapters/postgres/outage.ts";
import { openPool, type Pool, type PoolOptions } from "../adapters/postgres/pool.ts";
import { ConfigError } from "../config/config-error.ts";
import type { Config } from "../config/schema.ts";
import { createEpisode } from "../core/episode.ts";
import { DatabaseError, type Queryable } from "../core/ports/database.ts";
import type { Logger } from "../core/ports/logger.ts";
import { retryWithBackoff } from "../timing/backoff.ts";
import { embeddedDataVariable } from "./paths.ts";

export interface DatabaseUrls {
  /** Creates and alters tables: for migrations, retention, erasure and the command line. */
  readonly owner: string;
  /** Reads everything and writes everything except the raw log. */
  readonly app: string;
  /** Appends to the raw log, and can neither read nor delete. */
  readonly ingest: string;
}

/** For what is composed and never connects. */
const nowhere = "postgresql://none@localhost/none";
export const unreachableUrls: DatabaseUrls = { owner: nowhere, app: nowhere, ingest: nowhere };

export type Login = keyof DatabaseUrls;

/** The setting of each login's URL. */
export const urlSettings: Readonly<Record<Login, string>> = {
  owner: "WEIR_DATABASE_URL",
  app: "WEIR_DATABASE_APP_URL",
  ingest: "WEIR_DATABASE_INGEST_URL",
};

/**
 * The configured database; undefined when none is configured and `weir up` runs its own. A process
 * needs only the URLs of its own logins: the one that faces the internet does not get the owner's.
 */
export function configuredUrls({ database }: Config): Partial<DatabaseUrls> | undefined {
  const { url: owner, app_url, ingest_url } = database;
  for (const [name, url] of Object.entries({ url: owner, app_url, ingest_url })) {
    if (url !== null && !isDatabaseUrl(url)) {
      // without the value, which holds a password
      throw new ConfigError(
        `database.${name}: must be a URL like postgresql://role:password@host:5432/weir; encode special characters of the password with %`,
      );
    }
  }
  const app = app_url ?? (owner === null ? null : actingAs(owner, "weir_app"));
  const ingest = ingest_url ?? (owner === null ? null : actingAs(owner, "weir_ingest"));
  if (owner === null && app === null && ingest === null) return undefined;
  return {
    ...(owner === null ? {} : { owner }),
    ...(app === null ? {} : { app }),
    ...(ingest === null ? {} : { ingest }),
  };
}

/**
 * The URL for the Spark job.
 * @throws Error when there is neither a URL for it nor the owner's
 */
export function sparkDatabaseUrl({ database }: Config): string {
  if (database.spark_url !== null) return database.spark_url;
  if (database.url === null) {
    throw new Error("database.spark_url is not set: the Spark job cannot log in");
  }
  const isEmbedded = process.env[embeddedDataVariable] !== undefined;
  return isEmbedded ? withRole(database.url, "weir_spark") : actingAs(database.url, "weir_spark");
}

function isDatabaseUrl(text: string): boolean {
  return URL.canParse(text) && /^postgres(ql)?:$/.test(new URL(text).protocol);
}

/** The environment variables that tell child processes where the database is. */
export function urlVariables(urls: DatabaseUrls): Record<string, string> {
  return {
    WEIR_DATABASE_URL: urls.owner,
    WEIR_DATABASE_APP_URL: urls.app,
    WEIR_DATABASE_INGEST_URL: urls.ingest,
  };
}

/**
 * The owner's URL with the rights of a lesser role, for installations that configure one URL only.
 * This protects against mistakes; separate logins (`app_url`, `ingest_url`) protect against intruders.
 */
function actingAs(url: string, role: string): string {
  const address = new URL(url);
  address.searchParams.set("options", `-c role=${role}`);
  return address.href;
}

const probeLimitMs = 1_500;

/** Logs one line when PostgreSQL stops answering and one when it answers again; connects during an outage only. */
export function watchForOutages(
  stack: AsyncDisposableStack,
  { url, logger }: { readonly url: string; readonly logger: Logger },
): OutageWatch {
  const prober = stack.use(
    openPool({
      url,
      applicationName: "weir outage",
      max: 1,
      connectTimeoutMs: probeLimitMs,
      statementTimeoutMs: probeLimitMs,
    }),
  );
  const watch = createOutageWatch({
    probe: () => prober.query({ text: "select" }),
    onBegin: ({ since, reason }) => logger.error({ since, reason }, "PostgreSQL does not answer"),
    onEnd: ({ lastedMs, failures }) =>
      logger.info({ lasted_ms: lastedMs, failures }, "PostgreSQL answers again"),
    onHiccup: (about) => logger.info(about, "connections to PostgreSQL broke and were replaced"),
    now: Date.now,
    monotonic: () => performance.now(),
  });
  stack.defer(() => watch.close());
  return watch;
}

export interface Connections {
  pool(options: Omit<PoolOptions, "onIdleError">): Pool;
  notifications(url: string, applicationName: string): NotificationsConnection;
}

/** Opens pools that close with `stack`, in reverse order, and that report what breaks to `outage`. */
export function openConnections({
  stack,
  logger,
  outage,
}: {
  readonly stack: AsyncDisposableStack;
  readonly logger: Logger;
  readonly outage: OutageWatch;
}): Connections {
  return {
    pool: (options) =>
      stack.use(
        openPool({
          ...options,
          outage,
          onIdleError: (error) =>
            logger.debug(
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
            logger.debug({ pool: applicationName, reason: error.message }, "notifications lost"),
        }),
      ),
  };
}

/**
 * Waits at most a minute for a server that is not up yet.
 * @throws DatabaseError when the login is refused
 */
export async function untilConnected(
  database: Queryable,
  log: (message: string) => void,
): Promise<void> {
  const deadline = performance.now() + 60_000;
  await retryWithBackoff(() => database.query({ text: "select 1" }), {
    firstMs: 50,
    lastMs: 2_000,
    onFailure(error) {
      const isTemporary = error instanceof DatabaseError && error.retryable;
      if (!isTemporary || performance.now() > deadline) return false;
      log(`PostgreSQL is not up yet: ${error.message}`);
      return true;
    },
  });
}

/** The result of `work`, repeated while the database is unavailable; any other failure is thrown. */
export async function untilDatabaseAnswers<T>(logger: Logger, work: () => Promise<T>): Promise<T> {
  const waiting = createEpisode({
    logger,
    began: "waiting for the database",
    ended: "the database answers",
    monotonic: () => performance.now(),
  });
  const result = await retryWithBackoff(work, {
    firstMs: 100,
    lastMs: 5_000,
    onFailure(error) {
      if (!(error instanceof DatabaseError && error.retryable)) return false;
      waiting.begin({ reason: error.message });
      return true;
    },
  });
  waiting.end();
  return result;
}
