/** The part `deliveries` in a test, on a database of its own, and events straight into the raw log. */
import { randomBytes, randomFillSync, randomUUID } from "node:crypto";
import { openNotifications } from "../server/src/adapters/postgres/notifications.ts";
import { openPool } from "../server/src/adapters/postgres/pool.ts";
import { createResilience } from "../server/src/adapters/resilience/resilience.ts";
import { createAddressPolicy } from "../server/src/adapters/webhook/address-policy.ts";
import { openWebhooks, readerRegister } from "../server/src/compose/deliveries.ts";
import { loadConfig } from "../server/src/config/load.ts";
import type { Queryable } from "../server/src/core/ports/database.ts";
import type { OpenDestination } from "../server/src/core/ports/destination.ts";
import { uuidV7Maker } from "../server/src/core/uuid.ts";
import { writeAudit } from "../server/src/parts/auth/administration.ts";
import type { Changing } from "../server/src/parts/deliveries/changes.ts";
import { createDeliveries } from "../server/src/parts/deliveries/deliveries.ts";
import type { Limits, Notice } from "../server/src/parts/deliveries/options.ts";
import { inLogOrder } from "../server/src/parts/log/logged-events.ts";
import { createRangeReader } from "../server/src/parts/log/range-reader.ts";
import type { CleanUp, TestDatabase } from "./database.ts";

const testLimits: Limits = {
  pageEvents: 100,
  intervalMs: 1,
  concurrency: 64,
  bufferBytes: 4 * 1024 * 1024,
  queueDeliveries: 10_000,
  giveUpAfterHours: 24,
  pauseAfterHours: 24,
  disableAfterDays: 7,
  logHours: 24,
  logDeliveries: 100_000,
};

export interface DeliveriesOptions {
  readonly limits?: Partial<Limits>;
  readonly retryMs?: number;
  readonly attemptMs?: number;
}

export interface RunningDeliveries {
  readonly notices: readonly Notice[];
  readonly errors: readonly unknown[];
  stop(): Promise<void>;
}

/** The loopback address is allowed, and breakers close again soon. */
export function openTestWebhooks(attemptMs = 20_000): OpenDestination {
  const config = loadConfig({ env: {}, cwd: "/" });
  const { resilience } = config;
  const delivery = { ...resilience.guards.delivery, timeout_ms: attemptMs };
  const breaker = { ...delivery.breaker, open_ms: 50 };
  const guards = { ...resilience.guards, delivery: { ...delivery, breaker } };
  return openWebhooks(() => config, {
    resilience: createResilience({ settings: () => ({ ...resilience, guards }) }),
    policy: createAddressPolicy(() => ["127.0.0.1"]),
  });
}

export function startDeliveries(
  t: CleanUp,
  { urls }: TestDatabase,
  { limits = {}, retryMs = 20, attemptMs = 20_000 }: DeliveriesOptions = {},
): RunningDeliveries {
  const database = openPool({
    url: urls.app,
    applicationName: "weir deliveries",
    max: 8,
    settings: inLogOrder,
  });
  const notifications = openNotifications({ url: urls.app, applicationName: "deliveries test" });
  const notices: Notice[] = [];
  const errors: unknown[] = [];
  const part = createDeliveries({
    ...{ database, notifications, readers: readerRegister, audit: writeAudit },
    openReader: (name) => createRangeReader(database, name),
    openDestination: openTestWebhooks(attemptMs),
    owner: randomUUID(),
    limits: () => ({ ...testLimits, ...limits }),
    retryDelayMs: () => retryMs,
    onNotice: (notice) => notices.push(notice),
    onError: (error) => errors.push(error),
  });
  const stopping = new AbortController();
  const running = part.run(stopping.signal);
  let stopped: Promise<void> | undefined;
  const stop = () => {
    stopped ??= (async () => {
      stopping.abort();
      await running;
      await notifications[Symbol.asyncDispose]();
      await database[Symbol.asyncDispose]();
    })();
    return stopped;
  };
  t.after(stop);
  return { notices, errors, stop };
}

/** Of an operator; the loopback address is allowed. */
export function changing({ app }: TestDatabase): Changing {
  const newUuid = uuidV7Maker(randomFillSync);
  const policy = createAddressPolicy(() => ["127.0.0.1"]);
  return {
    ...{ database: app, readers: readerRegister, audit: writeAudit, actor: "ops/key" },
    random: randomBytes,
    newId: () => newUuid(Date.now()),
    maxSubscriptions: 100,
    checkUrl: async (url) => {
      policy.readUrl(url);
    },
  };
}

export interface SentEvent {
  readonly type?: string;
  readonly user?: string;
  readonly payload?: Readonly<Record<string, unknown>> | string;
  readonly receivedAt?: Date;
}

/** Services `shop` (1) and `desk` (2), and the days of events. */
export async function prepareSenders({ owner }: TestDatabase): Promise<void> {
  await owner.query({ text: "select raw.prepare_days(1)" });
  await owner.query({
    text: "insert into auth.services (name, role) values ('shop', 'service'), ('desk', 'service')",
  });
}

/** One transaction; resolves with the ids of the events. */
export async function sendEvents(
  connection: Queryable,
  events: readonly SentEvent[],
  service = 1,
): Promise<string[]> {
  const ids = events.map(() => randomUUID());
  await connection.query({
    text: `insert into raw.events (service_id, format, event_id, received_at, occurred_at, event_type, user_key, payload)
           select $1, 0, id, coalesce(received, now()), now(), type, u, p
           from unnest($2::uuid[], $3::text[], $4::text[], $5::text[], $6::timestamptz[])
             with ordinality as e (id, type, u, p, received, place) order by place`,
    values: [
      service,
      ids,
      events.map(({ type = "order.created" }) => type),
      events.map(({ user }) => user ?? null),
      events.map(({ payload = {} }) =>
        typeof payload === "string" ? payload : JSON.stringify(payload),
      ),
      events.map(({ receivedAt }) => receivedAt ?? null),
    ],
  });
  await connection.query({ text: "notify weir_raw" });
  return ids;
}
