/** The process that talks HTTP: ingest, query, permissions, the live feed and the dashboard's files. */
import { randomBytes, randomFillSync } from "node:crypto";
import { liveFeed } from "@weir/protocol";
import { readCredentials } from "../adapters/http/credentials.ts";
import { asWeirError, problemAnswer } from "../adapters/http/problems.ts";
import { createHttpServer } from "../adapters/http/server.ts";
import { createMemoryRateLimiter } from "../adapters/limits/memory-rate-limiter.ts";
import { observeIngest } from "../adapters/telemetry/ingest-observer.ts";
import type { Metrics } from "../adapters/telemetry/metrics.ts";
import { observeRequests } from "../adapters/telemetry/request-observer.ts";
import { collectMetrics } from "../adapters/telemetry/shared-metrics.ts";
import { attach, encodeFrame } from "../adapters/websocket/attach.ts";
import { permissionOf } from "../core/access/permission-name.ts";
import { WeirError } from "../core/errors.ts";
import type { Route } from "../core/ports/route.ts";
import { uuidV7Maker } from "../core/uuid.ts";
import { keyEnvironment } from "../parts/auth/administration.ts";
import { Directory } from "../parts/auth/directory.ts";
import { readPolicies } from "../parts/auth/policies.ts";
import { authRoutes } from "../parts/auth/routes.ts";
import { erasureRoutes } from "../parts/erasure/routes.ts";
import { requestRerun } from "../parts/etl/reruns.ts";
import { createGateway, livePermission } from "../parts/gateway/gateway.ts";
import type { UpgradeRequest } from "../parts/gateway/ports.ts";
import { healthRoutes } from "../parts/health/health-routes.ts";
import { createIngest, ingestRoutes } from "../parts/ingest/ingest.ts";
import { createRawLog } from "../parts/ingest/raw-log.ts";
import { queryRoutes } from "../parts/query/routes.ts";
import { openConnections, untilDatabaseAnswers } from "../process/databases.ts";
import { dashboardFolder, policiesFolder } from "../process/paths.ts";
import { version } from "../process/version.ts";
import { databaseCheck, etlCheck, observeWindows, streamCheck } from "./checks.ts";
import { composeDlqHttp } from "./dlq.ts";
import type { Compose, ComposeOptions } from "./options.ts";
import { breakerCheck, composeResilience } from "./resilience.ts";
import { composeSearch } from "./search.ts";

export const compose: Compose = async (options) => {
  const { logger, metrics } = options;
  const config = options.config();
  const { directory, ingest, observer, gateway, routes, search, beginDraining } =
    await assemble(options);
  // Ready means: whoever has a key is known. The part keeps it current from here on.
  await untilDatabaseAnswers(logger, async () => {
    await directory.refresh();
    await ingest.prepare();
  });
  // no model is live yet at the very first start; then the first question loads the index
  search
    .warm()
    .catch((error: unknown) => logger.info({ reason: String(error) }, "nothing to warm"));

  const http = await createHttpServer({
    routes,
    authenticator: directory,
    observer: observeRequests(metrics, logger),
    version,
    dashboardFolder,
    corsOrigins: config.http.cors_origins,
    trustedProxies: config.http.trusted_proxies,
    requestTimeoutMs: config.http.request_timeout_ms,
  });
  const detach = attach(http.server, {
    path: liveFeed.path,
    accept: (request) => gateway.accept(request),
    problem: (error) =>
      problemAnswer(error === undefined ? new WeirError("not_found") : asWeirError(error)),
  });

  return {
    parts: [directory, gateway.part],
    counters: () => ({ ...observer.totals, live_sockets: gateway.stats().sockets }),
    async listen() {
      const { address, family, port } = await http.listen(config.http.host, config.http.port);
      return `http://${family === "IPv6" ? `[${address}]` : address}:${port}`;
    },
    async drain() {
      beginDraining();
      detach();
      await gateway.close();
      await ingest.drain();
    },
    close: () => http.close(),
  };
};

/** All routes, their parts not started and nothing connected: also what the API document is made of. */
export async function assemble(options: ComposeOptions) {
  const { urls, logger, metrics } = options;
  const config = options.config();
  const { pool, notifications } = openConnections(options.stack, logger);
  const app = pool({
    url: urls.app,
    applicationName: "weir http",
    max: config.database.connections,
    statementTimeoutMs: config.query.free_form_timeout_ms,
  });
  const feedPool = pool({
    url: urls.app,
    applicationName: "weir gateway",
    // Three replays and the feed itself may read at once.
    max: 4,
    settings: { enable_seqscan: "off" },
  });
  const listener = notifications(urls.app, "weir http notifications");

  const env = keyEnvironment(config.env);
  const directory = new Directory({
    // Its own connections: slow questions of readers must not hold a revocation up.
    database: pool({
      url: urls.app,
      applicationName: "weir directory",
      max: 2,
      statementTimeoutMs: 5_000,
    }),
    notifications: listener,
    env,
  });

  const observer = observeIngest(metrics, logger);
  const ingest = createIngest({
    log: createRawLog({
      database: pool({
        url: urls.ingest,
        applicationName: "weir ingest",
        max: config.ingest.groups_in_flight + 1,
        connectTimeoutMs: config.ingest.commit_timeout_ms,
        // Readers look back that far for late commits; the role says the same, for its own logins.
        settings: { transaction_timeout: "10s" },
      }),
      timeoutMs: config.ingest.commit_timeout_ms,
      onNotifyFailure: (error) => logger.warn({ err: error }, "readers could not be woken"),
    }),
    rateLimiter: createMemoryRateLimiter(),
    ratePolicy: () => {
      const { events_per_second, burst_events } = options.config().ingest.rate_limit;
      return { eventsPerSecond: events_per_second, burstEvents: burst_events };
    },
    observer,
    settings: {
      groupsInFlight: config.ingest.groups_in_flight,
      groupEvents: config.ingest.group_events,
      queueEvents: config.ingest.queue_events,
      queueBytes: config.ingest.queue_mib * 1024 * 1024,
      patienceMs: config.ingest.commit_timeout_ms,
    },
    now: Date.now,
    monotonic: () => performance.now(),
    newId: uuidV7Maker(randomFillSync),
  });

  const gateway = createGateway({
    database: feedPool,
    notifications: listener,
    authorise: (request) => authorise(directory, request),
    onDirectoryChange: (wake) => directory.onChange(wake),
    encodeFrame,
    allowedOrigins: config.http.cors_origins,
    limits: { sockets: config.live.max_sockets, socketsPerKey: config.live.max_sockets_per_key },
  });
  observeGateway(metrics, gateway.stats);
  observeWindows(metrics, app);

  const resilience = composeResilience(options);
  const search = composeSearch(options, {
    database: app,
    notifications: listener,
    guard: resilience.guard,
  });

  const dlq = composeDlqHttp(options, app);

  let draining = false;
  const policies = await readPolicies(policiesFolder);
  let known: readonly string[] = [];
  const routes: Route[] = [
    ...ingestRoutes(ingest),
    ...queryRoutes({
      database: app,
      requestRerun: (rerun) => requestRerun(app, rerun),
      now: Date.now,
      version,
      environment: config.env,
      retentionDays: config.retention.raw_days,
      timeoutMs: config.query.timeout_ms,
      freeFormTimeoutMs: config.query.free_form_timeout_ms,
      concurrency: config.query.concurrency,
    }),
    ...authRoutes({
      database: app,
      directory,
      env,
      random: randomBytes,
      knownPermissions: () => known,
      policies,
      secureCookies: config.http.secure_cookies,
      rateLimiter: createMemoryRateLimiter(),
      now: Date.now,
    }),
    ...search.routes,
    ...erasureRoutes(app),
    ...dlq.routes,
    ...healthRoutes({
      version,
      checks: {
        postgres: databaseCheck(app),
        etl: etlCheck(app),
        stream: streamCheck(app),
        ...search.checks,
        ...dlq.checks,
        breakers: breakerCheck(resilience, app),
      },
      needed: ["postgres"],
      draining: () => draining,
      dataDir: config.data_dir,
      metrics: () => collectMetrics(app, metrics),
    }),
  ];
  known = [
    ...routes.filter((route) => route.access === "permission").map(permissionOf),
    livePermission,
  ];

  return {
    directory,
    ingest,
    observer,
    gateway,
    routes,
    search,
    permissions: known,
    beginDraining() {
      draining = true;
    },
  };
}

/** Who opens a live feed: the same credentials as any request. */
async function authorise(directory: Directory, { headers }: UpgradeRequest) {
  const { key, sessionToken } = readCredentials(headers);
  if (key !== undefined) return directory.authenticate(key);
  const session = sessionToken === undefined ? undefined : await directory.session(sessionToken);
  if (session === undefined) {
    throw new WeirError("unauthenticated", { detail: "send an API key in X-API-Key, or sign in" });
  }
  return session.principal;
}

function observeGateway(metrics: Metrics, stats: () => { sockets: number; frames: number }): void {
  const sockets = metrics.gauge({ name: "weir_live_sockets", help: "Open live feeds" });
  const frames = metrics.gauge({ name: "weir_live_frames", help: "Frames sent since the start" });
  metrics.onCollect(async () => {
    sockets.set(stats().sockets);
    frames.set(stats().frames);
  });
}
