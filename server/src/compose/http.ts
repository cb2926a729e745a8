/** The process that serves HTTP and WebSocket: ingest, queries, administration, live feed, dashboard. */
import { liveFeed } from "@weir/protocol";
import { asWeirError } from "../adapters/http/problems.ts";
import { observeRequests } from "../adapters/http/request-observer.ts";
import { createHttpServer, type HttpServer } from "../adapters/http/server.ts";
import { publishMetrics } from "../adapters/telemetry/shared-metrics.ts";
import { attach } from "../adapters/websocket/attach.ts";
import { messageOf, WeirError } from "../core/errors.ts";
import { untilDatabaseAnswers } from "../process/databases.ts";
import { dashboardFolder } from "../process/paths.ts";
import { shopOrigins } from "../process/shop/addresses.ts";
import { isSupervised } from "../process/supervisor-channel.ts";
import { version } from "../process/version.ts";
import { assembleApi } from "./api.ts";
import type { Compose, ComposeOptions } from "./options.ts";
import { storagePart } from "./storage.ts";

export const compose: Compose = async (options) => {
  const { logger } = options;
  const api = await assembleApi(options);
  const { directory, ingest, observer, gateway, search, storage, clock, redis } = api;
  redis?.open();
  options.stack.defer(publishMetrics(api.database, options.metrics));
  await storage.refresh();
  // The server is ready once it knows every key; the directory's part keeps them current from then on.
  await untilDatabaseAnswers(logger, async () => {
    await directory.refresh();
    await ingest.prepare();
  });
  await clock.watch.tick();
  // At the very first start no model is live yet; then the first search loads the index.
  search
    .warm()
    .catch((error: unknown) => logger.info({ reason: messageOf(error) }, "no index to load yet"));
  const { http, detach } = await openServer(options, api);
  return {
    parts: [directory, gateway.part, storagePart(storage), ...clock.parts],
    counters: () => ({ ...observer.totals, live_sockets: gateway.stats().sockets }),
    listen: () =>
      listen(http, { ...options.config().http, sharesPort: options.sharesPort ?? false }),
    async drain() {
      api.beginDraining();
      // `weir up` ends everything within 5 s
      await http.stopAccepting(isSupervised() ? 0 : options.config().http.drain_delay_ms);
      detach();
      await gateway.close();
      await http.settle();
      await ingest.drain();
    },
    close: () => http.close(),
  };
};

const mebibyte = 1024 * 1024;

async function openServer(
  { config, metrics, logger, outage }: ComposeOptions,
  { routes, directory, gateway }: Awaited<ReturnType<typeof assembleApi>>,
) {
  const settings = config().http;
  const http = await createHttpServer({
    routes,
    authenticator: directory,
    observer: observeRequests(metrics, logger),
    outage,
    version,
    dashboardFolder,
    corsOrigins: [...settings.cors_origins, ...shopOrigins(config())],
    trustedProxies: settings.trusted_proxies,
    limits: {
      requestTimeoutMs: settings.request_timeout_ms,
      keepAliveMs: settings.keep_alive_ms,
      maxConnections: settings.max_connections,
      bodyBytes: settings.body_memory_mib * mebibyte,
      unknownBodyBytes: settings.unauthenticated_body_memory_mib * mebibyte,
    },
  });
  const detach = attach(http.server, {
    path: liveFeed.path,
    accept: (request) => gateway.accept(request),
    refuse: (socket, error) =>
      http.refuse(socket, error === undefined ? new WeirError("not_found") : asWeirError(error)),
  });
  return { http, detach };
}

async function listen(
  server: HttpServer,
  http: { readonly host: string; readonly port: number; readonly sharesPort: boolean },
): Promise<string> {
  const { address, family, port } = await server.listen(http);
  return `http://${family === "IPv6" ? `[${address}]` : address}:${port}`;
}
