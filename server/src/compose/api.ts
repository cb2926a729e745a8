/** Everything the HTTP process serves, wired but neither started nor connected. */
import { randomBytes } from "node:crypto";
import { redisCheck } from "../adapters/redis/health.ts";
import { permissionOf } from "../core/access/permission-name.ts";
import type { Database } from "../core/ports/database.ts";
import type { Route } from "../core/ports/route.ts";
import { keyEnvironment } from "../parts/auth/administration.ts";
import type { Directory } from "../parts/auth/directory.ts";
import { readPolicies } from "../parts/auth/policies.ts";
import { authRoutes } from "../parts/auth/routes.ts";
import { clockCheck } from "../parts/clock/health.ts";
import { engineRoutes } from "../parts/engine/routes.ts";
import { erasureRoutes } from "../parts/erasure/routes.ts";
import { requestRerun } from "../parts/etl/reruns.ts";
import { livePermission } from "../parts/gateway/gateway.ts";
import { healthDetailsPermission } from "../parts/health/health-routes.ts";
import { ingestRoutes } from "../parts/ingest/ingest.ts";
import { queryRoutes } from "../parts/query/routes.ts";
import { storageCheck } from "../parts/storage/health.ts";
import { observeStorage } from "../parts/storage/metrics.ts";
import { openConnections } from "../process/databases.ts";
import { policiesFolder } from "../process/paths.ts";
import { version } from "../process/version.ts";
import { composeAnswerCache } from "./answer-cache.ts";
import { composeClock } from "./clock.ts";
import { composeDeliveriesHttp } from "./deliveries.ts";
import { openDirectory } from "./directory.ts";
import { composeDlqHttp } from "./dlq.ts";
import { composeHealth } from "./health.ts";
import { composeIngest } from "./ingest.ts";
import { composeKafkaCheck } from "./kafka.ts";
import { composeLiveFeed } from "./live-feed.ts";
import type { ComposeOptions } from "./options.ts";
import { composeRateLimiter, composeRedis } from "./redis.ts";
import { composeBreakerCheck, composeResilience } from "./resilience.ts";
import { composeSearch } from "./search.ts";
import { composeStorage } from "./storage.ts";

export async function assembleApi(options: ComposeOptions) {
  const { database, notifications } = openDatabase(options);
  const clock = composeClock(options, { logs: true });
  const now = clock.watch.latest;
  const directory = openDirectory(options, { notifications, now });
  const storage = composeStorage(options, "refuses");
  observeStorage(options.metrics, storage);
  const { ingest, observer } = composeIngest(options, { storage, clock: clock.watch });
  const gateway = composeLiveFeed(options, { directory, notifications });
  const resilience = composeResilience(options);
  const redis = composeRedis(options);
  const search = composeSearch(options, { database, notifications, guard: resilience.guard });
  const dlq = composeDlqHttp(options, database);
  const deliveries = composeDeliveriesHttp(options, database);

  let draining = false;
  let permissions: readonly string[] = [];
  const routes: Route[] = [
    ...ingestRoutes(ingest),
    ...composeQuery(options, database),
    ...(await composeAuth(options, {
      ...{ database, directory, now },
      knownPermissions: () => permissions,
    })),
    ...search.routes,
    ...erasureRoutes({ database, afterRequest: () => options.config().erasure.after_request }),
    ...engineRoutes(database),
    ...dlq.routes,
    ...deliveries.routes,
    ...composeHealth(options, {
      database,
      checks: {
        storage: storageCheck(storage),
        redis: redisCheck(redis),
        ...search.checks,
        ...dlq.checks,
        ...deliveries.checks,
        breakers: composeBreakerCheck(resilience, database),
        clock: clockCheck(clock.watch),
        kafka: composeKafkaCheck(options),
      },
      draining: () => draining,
    }),
  ];
  permissions = [
    ...routes.filter((route) => route.access === "permission").map(permissionOf),
    livePermission,
    healthDetailsPermission,
  ];

  return {
    ...{
      routes,
      permissions,
      directory,
      ingest,
      observer,
      gateway,
      search,
      storage,
      clock,
      redis,
      database,
    },
    /** Health reports the process as down from now on. */
    beginDraining() {
      draining = true;
    },
  };
}

function openDatabase({ config, urls, logger, stack, outage }: ComposeOptions) {
  const { pool, notifications } = openConnections({ stack, logger, outage });
  const { database, query } = config();
  return {
    database: pool({
      url: urls.app,
      applicationName: "weir http",
      max: database.connections,
      statementTimeoutMs: query.free_form_timeout_ms,
    }),
    notifications: notifications(urls.app, "weir http notifications"),
  };
}

function composeQuery(options: ComposeOptions, database: Database): readonly Route[] {
  const { env, retention, query } = options.config();
  return queryRoutes({
    database,
    cache: composeAnswerCache(options, database),
    requestRerun: (rerun) => requestRerun(database, rerun),
    now: Date.now,
    version,
    environment: env,
    retentionDays: retention.raw_days,
    timeoutMs: query.timeout_ms,
    freeFormTimeoutMs: query.free_form_timeout_ms,
    concurrency: query.concurrency,
  });
}

async function composeAuth(
  options: ComposeOptions,
  shared: {
    readonly database: Database;
    readonly directory: Directory;
    readonly now: () => number;
    readonly knownPermissions: () => readonly string[];
  },
): Promise<readonly Route[]> {
  const { env, http } = options.config();
  return authRoutes({
    ...shared,
    env: keyEnvironment(env),
    random: randomBytes,
    policies: await readPolicies(policiesFolder),
    secureCookies: http.secure_cookies,
    // sign-ins have a limit of their own
    rateLimiter: composeRateLimiter(options, "signins"),
    monotonic: () => performance.now(),
  });
}
