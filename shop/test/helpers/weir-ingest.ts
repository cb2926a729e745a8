/** Weir's entry points over a raw log of their own, in the test's process: what a service's events reach. */
import { randomFillSync } from "node:crypto";
import { createHttpServer } from "../../../server/src/adapters/http/server.ts";
import { createMemoryRateLimiter } from "../../../server/src/adapters/limits/memory-rate-limiter.ts";
import { WeirError } from "../../../server/src/core/errors.ts";
import { uuidV7Maker } from "../../../server/src/core/uuid.ts";
import { createIngest, ingestRoutes } from "../../../server/src/parts/ingest/ingest.ts";
import { createRawLog } from "../../../server/src/parts/ingest/raw-log.ts";
import type { CleanUp } from "../../../testing/database.ts";
import { createTestDatabase } from "../../../testing/database.ts";

export const weirKey = "key-of-tests";

export interface StoredEvent {
  readonly type: string;
  readonly payload: Readonly<Record<string, unknown>>;
}

export interface WeirIngest {
  readonly url: string;
  /** Everything that was accepted. */
  events(): Promise<readonly StoredEvent[]>;
}

export async function startWeirIngest(t: CleanUp): Promise<WeirIngest> {
  const database = await createTestDatabase(t);
  await database.owner.query({ text: "select raw.prepare_days(1)" });
  const ingest = createIngest({
    log: createRawLog({ database: database.ingest, timeoutMs: 30_000 }),
    rateLimiter: createMemoryRateLimiter(),
    ratePolicy: () => ({ eventsPerSecond: 1e6, burstEvents: 1e6 }),
    observer: { verdict() {}, rateLimited() {}, group() {}, queue() {}, failure() {} },
    storage: { refusal: undefined, full() {} },
    settings: {
      groupsInFlight: 3,
      groupEvents: 2_000,
      queueEvents: 50_000,
      queueBytes: 64 * 1024 * 1024,
      patienceMs: 30_000,
    },
    now: Date.now,
    clock: { latest: Date.now, inDoubt: () => false },
    monotonic: () => performance.now(),
    newId: uuidV7Maker(randomFillSync),
  });
  t.after(() => ingest.drain());
  const http = await createHttpServer({
    routes: ingestRoutes(ingest),
    authenticator: {
      authenticate(key) {
        if (key !== weirKey) throw new WeirError("unauthenticated");
        return {
          serviceId: 1,
          service: "shop-orders",
          role: "service",
          keyId: "k",
          via: "key",
          may: () => true,
        };
      },
      session: async () => undefined,
    },
    observer: { route: () => () => {} },
    version: "0.0.0",
    dashboardFolder: "/nowhere",
    corsOrigins: [],
    trustedProxies: [],
    limits: {
      requestTimeoutMs: 30_000,
      keepAliveMs: 65_000,
      maxConnections: 1_000,
      bodyBytes: 64 * 1024 * 1024,
      unknownBodyBytes: 8 * 1024 * 1024,
    },
  });
  t.after(() => http.close());
  const { port } = await http.listen({ host: "127.0.0.1", port: 0 });
  return {
    url: `http://127.0.0.1:${port}`,
    events: () =>
      database.owner.query<StoredEvent>({
        text: "select event_type as type, payload::json as payload from raw.events",
      }),
  };
}
