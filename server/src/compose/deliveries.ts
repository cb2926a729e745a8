/** Deliveries: the routes and health check of the HTTP process, and the part that delivers. */
import { randomBytes, randomFillSync } from "node:crypto";
import { hostname } from "node:os";
import { createResilience, type Resilience } from "../adapters/resilience/resilience.ts";
import { retryDelay } from "../adapters/resilience/retry-delay.ts";
import { publishMetrics } from "../adapters/telemetry/shared-metrics.ts";
import {
  type AddressPolicy,
  allowedEntryProblem,
  createAddressPolicy,
} from "../adapters/webhook/address-policy.ts";
import { checkReceiver } from "../adapters/webhook/check-receiver.ts";
import { createWebhookDestination } from "../adapters/webhook/destination.ts";
import { createResolver } from "../adapters/webhook/resolver.ts";
import { createWebhookEndpoint } from "../adapters/webhook/sender.ts";
import { ConfigError } from "../config/config-error.ts";
import type { Config } from "../config/schema.ts";
import type { Database } from "../core/ports/database.ts";
import type { OpenDestination } from "../core/ports/destination.ts";
import type { HealthCheck } from "../core/ports/health-check.ts";
import type { Part } from "../core/ports/part.ts";
import type { Route } from "../core/ports/route.ts";
import { uuidV7Maker } from "../core/uuid.ts";
import { writeAudit } from "../parts/auth/administration.ts";
import type { Changing } from "../parts/deliveries/changes.ts";
import { createDeliveries } from "../parts/deliveries/deliveries.ts";
import { deliveriesCheck } from "../parts/deliveries/health.ts";
import { observeDeliveries, observeSubscriptions } from "../parts/deliveries/metrics.ts";
import type { Limits } from "../parts/deliveries/options.ts";
import type { ReaderRegister } from "../parts/deliveries/ports.ts";
import { deliveryRoutes } from "../parts/deliveries/routes.ts";
import { sendTest } from "../parts/deliveries/send-test.ts";
import { inLogOrder } from "../parts/log/logged-events.ts";
import { createRangeReader } from "../parts/log/range-reader.ts";
import {
  copyReader,
  registerReader,
  registerReaderSince,
  unregisterReader,
} from "../parts/log/readers.ts";
import { openConnections } from "../process/databases.ts";
import { version } from "../process/version.ts";
import type { ComposeOptions } from "./options.ts";
import { composeResilience } from "./resilience.ts";

const mebibyte = 1024 * 1024;
const answerBytes = 64 * 1024;

export const readerRegister: ReaderRegister = {
  register: async (connection, name) => {
    await registerReader(connection, name, "now");
  },
  registerSince: registerReaderSince,
  copy: copyReader,
  remove: async (connection, name) => {
    await unregisterReader(connection, name);
  },
};

/** What the routes and the command line need to change subscriptions. */
export function composeChanging(config: () => Config, database: Database): Omit<Changing, "actor"> {
  const policy = createAddressPolicy(() => allowedReceivers(config()));
  const newUuid = uuidV7Maker(randomFillSync);
  return {
    ...{ database, readers: readerRegister, audit: writeAudit, random: randomBytes },
    newId: () => newUuid(Date.now()),
    maxSubscriptions: config().deliveries.max_subscriptions,
    checkUrl: (text) =>
      checkReceiver(text, {
        policy,
        resolve: createResolver(config().deliveries.connect_timeout_ms),
      }),
  };
}

/** @throws ConfigError for an entry that is none */
function allowedReceivers({ deliveries }: Config): readonly string[] {
  for (const entry of deliveries.allow_private) {
    const problem = allowedEntryProblem(entry);
    if (problem !== undefined) throw new ConfigError(`deliveries.allow_private: ${problem}`);
  }
  return deliveries.allow_private;
}

export function openWebhooks(
  config: () => Config,
  { resilience, policy }: { readonly resilience: Resilience; readonly policy: AddressPolicy },
): OpenDestination {
  const connectTimeoutMs = () => config().deliveries.connect_timeout_ms;
  const resolve = createResolver(connectTimeoutMs());
  return ({ subscriptionId, url, concurrency }) =>
    createWebhookDestination({
      endpoint: createWebhookEndpoint(
        { policy, resolve, connectTimeoutMs, answerBytes, userAgent: `weir/${version}` },
        { url, connections: concurrency },
      ),
      guard: resilience.guard(`delivery:${subscriptionId}`),
      now: Date.now,
    });
}

function composeDestinations(options: ComposeOptions): OpenDestination {
  const { config } = options;
  return openWebhooks(config, {
    resilience: composeResilience(options),
    policy: createAddressPolicy(() => allowedReceivers(config())),
  });
}

/** Sends one test event from the command line. */
export function composeTest(config: () => Config, database: Database) {
  const { newId } = composeChanging(config, database);
  const openDestination = openWebhooks(config, {
    resilience: createResilience({ settings: () => config().resilience }),
    policy: createAddressPolicy(() => allowedReceivers(config())),
  });
  const never = new AbortController().signal;
  return (subscription: { readonly id: string; readonly name: string; readonly url: string }) =>
    sendTest({ database, openDestination, newId, now: Date.now }, subscription, never);
}

export interface DeliveriesHttp {
  readonly routes: readonly Route[];
  readonly checks: Readonly<Record<string, HealthCheck>>;
}

export function composeDeliveriesHttp(options: ComposeOptions, database: Database): DeliveriesHttp {
  observeSubscriptions(options.metrics.installation, database);
  return {
    routes: deliveryRoutes({
      ...composeChanging(options.config, database),
      openDestination: composeDestinations(options),
      now: Date.now,
    }),
    checks: { deliveries: deliveriesCheck(database) },
  };
}

export function composeDeliveriesPart(options: ComposeOptions): {
  readonly part: Part;
  counters(): Readonly<Record<string, number>>;
} {
  const { config, urls, logger, metrics, stack, outage } = options;
  const { pool, notifications } = openConnections({ stack, logger, outage });
  const database = pool({
    url: urls.app,
    applicationName: "weir deliveries",
    max: 8,
    statementTimeoutMs: 60_000,
    settings: inLogOrder,
  });
  stack.defer(publishMetrics(database, metrics));
  const { counters, ...observer } = observeDeliveries(metrics, logger);
  const part = createDeliveries({
    ...{ database, readers: readerRegister, audit: writeAudit, ...observer },
    notifications: notifications(urls.app, "weir deliveries notifications"),
    openReader: (name) => createRangeReader(database, name),
    openDestination: composeDestinations(options),
    owner: `${hostname()}/${process.pid}`,
    limits: () => limitsOf(config()),
    retryDelayMs: (attempt) => retryDelay(config().deliveries.retry, attempt, Math.random),
  });
  return { part, counters };
}

function limitsOf({ deliveries }: Config): Limits {
  return {
    pageEvents: deliveries.page_events,
    intervalMs: deliveries.interval_ms,
    concurrency: deliveries.concurrency,
    bufferBytes: deliveries.buffer_mib * mebibyte,
    queueDeliveries: deliveries.queue_deliveries,
    giveUpAfterHours: deliveries.retry.give_up_after_hours,
    pauseAfterHours: deliveries.pause_after_hours,
    disableAfterDays: deliveries.disable_after_days,
    logHours: deliveries.log_hours,
    logDeliveries: deliveries.log_deliveries,
  };
}
