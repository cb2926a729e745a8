import { randomFillSync } from "node:crypto";
import type { CleanUp } from "../../../testing/database.ts";
import { asWeirError, problemAnswer } from "../../src/adapters/http/problems.ts";
import { createMemoryRateLimiter } from "../../src/adapters/limits/memory-rate-limiter.ts";
import type { RatePolicy } from "../../src/core/access/rate-limit.ts";
import type { ReceiptClock } from "../../src/core/event/record.ts";
import type { Database } from "../../src/core/ports/database.ts";
import type { RouteReply } from "../../src/core/ports/route.ts";
import { uuidV7Maker } from "../../src/core/uuid.ts";
import { createIngest, type Ingest, ingestRoutes } from "../../src/parts/ingest/ingest.ts";
import type { IngestObserver, RawLog, StorageGate } from "../../src/parts/ingest/ports.ts";
import { createRawLog } from "../../src/parts/ingest/raw-log.ts";

export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  // biome-ignore lint/suspicious/noExplicitAny: tests look into answers of many forms
  readonly body: any;
}

export interface TestIngest {
  readonly ingest: Ingest;
  /** Sends bytes to an entry point as `http/` would hand them over. */
  send(path: string, body: string | Buffer, options?: SendOptions): Promise<Answer>;
}

interface SendOptions {
  readonly contentType?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly keyId?: string;
  readonly repeatId?: string;
  readonly serviceId?: number;
}

export interface TestIngestOptions {
  readonly database?: Database;
  readonly log?: RawLog;
  readonly now?: () => number;
  readonly clock?: ReceiptClock;
  readonly ratePolicy?: RatePolicy;
  /** Default 30 s: what is not about it must not fail for a busy machine. */
  readonly patienceMs?: number;
  readonly queueEvents?: number;
  readonly observer?: Partial<IngestObserver>;
  /** Without it there is space. */
  readonly storage?: StorageGate;
}

const silent: IngestObserver = {
  verdict() {},
  rateLimited() {},
  group() {},
  queue() {},
  failure() {},
};

/** The ingest part without HTTP around it. */
export function createTestIngest(t: CleanUp, options: TestIngestOptions): TestIngest {
  const { database, patienceMs = 30_000 } = options;
  const log =
    options.log ?? (database ? createRawLog({ database, timeoutMs: patienceMs }) : undefined);
  if (log === undefined) throw new Error("a database or a log is needed");
  const ingest = createIngest({
    log,
    rateLimiter: createMemoryRateLimiter(),
    ratePolicy: () => options.ratePolicy ?? { eventsPerSecond: 1e6, burstEvents: 1e6 },
    observer: { ...silent, ...options.observer },
    storage: options.storage ?? { refusal: undefined, full() {} },
    settings: {
      groupsInFlight: 3,
      groupEvents: 2_000,
      queueEvents: options.queueEvents ?? 50_000,
      queueBytes: 64 * 1024 * 1024,
      patienceMs,
    },
    now: options.now ?? Date.now,
    clock: options.clock ?? { latest: options.now ?? Date.now, inDoubt: () => false },
    monotonic: () => performance.now(),
    newId: uuidV7Maker(randomFillSync),
  });
  t.after(() => ingest.drain());
  const routes = new Map(ingestRoutes(ingest).map((route) => [route.path, route]));

  return {
    ingest,
    async send(path, body, wanted = {}) {
      const route = routes.get(path);
      if (route === undefined) throw new Error(`no route ${path}`);
      try {
        const reply = await route.handle({
          params: {},
          query: {},
          headers: { "content-type": wanted.contentType ?? "application/json", ...wanted.headers },
          body: Buffer.isBuffer(body) ? body : Buffer.from(body),
          principal: {
            serviceId: wanted.serviceId ?? 1,
            service: "test",
            role: "sender",
            keyId: wanted.keyId ?? "testkey",
            via: "key",
            may: () => true,
          },
          ip: "127.0.0.1",
          requestId: "test",
          repeatId: wanted.repeatId,
          signal: new AbortController().signal,
        });
        return answerOf(reply);
      } catch (error) {
        const { status, headers, body: text } = problemAnswer(asWeirError(error));
        return { status, headers, body: JSON.parse(text) };
      }
    },
  };
}

function answerOf(reply: RouteReply): Answer {
  return { status: reply.status, headers: reply.headers ?? {}, body: reply.body };
}
