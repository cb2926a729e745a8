/**
 * The accept path behind node:http alone: no authentication, permissions, telemetry or framework. The
 * difference to `weir serve` is their cost:
 * `node bench/ingest.ts --only single --weir bench/bare-ingest.ts`.
 */
import { randomFillSync } from "node:crypto";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { createMemoryRateLimiter } from "../server/src/adapters/limits/memory-rate-limiter.ts";
import { openPool } from "../server/src/adapters/postgres/pool.ts";
import type { Principal } from "../server/src/core/access/principal.ts";
import { uuidV7Maker } from "../server/src/core/uuid.ts";
import { createIngest, ingestRoutes } from "../server/src/parts/ingest/ingest.ts";
import { createRawLog } from "../server/src/parts/ingest/raw-log.ts";

const groupsInFlight = 3;
const patienceMs = 1_500;
const anyone: Principal = {
  serviceId: 1,
  service: "bench",
  role: "bench",
  keyId: "bench",
  via: "key",
  may: () => true,
};

const pool = openPool({
  url: process.env["WEIR_DATABASE_URL"] ?? "",
  applicationName: "bare ingest",
  max: groupsInFlight + 1,
});
const ingest = createIngest({
  log: createRawLog({ database: pool, timeoutMs: patienceMs }),
  rateLimiter: createMemoryRateLimiter(),
  ratePolicy: () => ({ eventsPerSecond: 1e7, burstEvents: 1e7 }),
  observer: {
    verdict() {},
    rateLimited() {},
    group() {},
    queue() {},
    failure(error) {
      process.stderr.write(`${String(error)}\n`);
    },
  },
  storage: { refusal: undefined, full() {} },
  settings: {
    groupsInFlight,
    groupEvents: 2_000,
    queueEvents: 50_000,
    queueBytes: 64 * 1024 * 1024,
    patienceMs,
  },
  now: Date.now,
  clock: { latest: Date.now, inDoubt: () => false },
  monotonic: () => performance.now(),
  newId: uuidV7Maker(randomFillSync),
});
const routes = new Map(ingestRoutes(ingest).map((route) => [route.path, route]));
const { signal } = new AbortController();

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  chunks: readonly Buffer[],
): Promise<void> {
  const reply = await routes.get(request.url ?? "")?.handle({
    params: {},
    query: {},
    headers: request.headers,
    body: chunks.length === 1 ? chunks[0] : Buffer.concat(chunks),
    principal: anyone,
    ip: "",
    requestId: "",
    signal,
  });
  const json = JSON.stringify(reply?.body);
  response.writeHead(reply?.status ?? 404, {
    ...reply?.headers,
    "content-type": "application/json",
    "content-length": Buffer.byteLength(json),
  });
  response.end(json);
}

const server = createServer((request, response) => {
  const chunks: Buffer[] = [];
  request.on("data", (chunk: Buffer) => chunks.push(chunk));
  request.on("end", () => {
    answer(request, response, chunks).catch(() => {
      response.statusCode = 500;
      response.end();
    });
  });
});
server.listen(0, "127.0.0.1", () => {
  const { port } = server.address() as AddressInfo;
  process.send?.({ type: "ready", url: `http://127.0.0.1:${port}` });
});
process.once("SIGTERM", () => process.exit(0));
