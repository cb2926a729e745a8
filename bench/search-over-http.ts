/**
 * The cost of HTTP in a search: `POST /api/search` of a running Weir, and the same route called in this process
 * on the same PostgreSQL, alternately. The former authenticates, checks permissions, validates and serialises
 * JSON; both embed the text and query an index in a thread.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { Agent, request as httpRequest } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { fold } from "../server/src/adapters/embeddings/embedders.ts";
import { withRole } from "../server/src/adapters/postgres/location.ts";
import { openNotifications } from "../server/src/adapters/postgres/notifications.ts";
import { openPool } from "../server/src/adapters/postgres/pool.ts";
import { createEmbeddedStore } from "../server/src/adapters/vectors/embedded/store.ts";
import { openEmbedderShelf } from "../server/src/compose/embedders.ts";
import type { Principal } from "../server/src/core/access/principal.ts";
import type { RouteRequest } from "../server/src/core/ports/route.ts";
import { createModelDirectory } from "../server/src/parts/search/model-directory.ts";
import { searchRoutes } from "../server/src/parts/search/routes.ts";
import { Searcher } from "../server/src/parts/search/searcher.ts";
import { productName } from "../testing/product-name.ts";
import { pace, type System, start, stop } from "./running-weir.ts";

interface Latency {
  readonly what: string;
  readonly filter: string;
  readonly p50: string;
  readonly p95: string;
}

type Ask = (question: object) => Promise<unknown>;

const warmUp = 500;
const questions = [
  ["none", {}],
  ["category", { filter: { category: ["category-7"] } }],
  ["hybrid", { hybrid: true }],
] as const;

/** The route does not authenticate: the server before it does. */
const principal: Principal = {
  serviceId: 0,
  service: "bench",
  role: "",
  keyId: "",
  via: "key",
  may: () => true,
};

export async function benchHttp(products: number, queries: number): Promise<Latency[]> {
  const dataDir = await mkdtemp(join(tmpdir(), "weir-bench-"));
  const system = await start(dataDir);
  try {
    await fill(system, products);
    await using local = await openLocally(system);
    using client = openClient(system);
    const figures: Latency[] = [];
    for (const [filter, more] of questions) {
      const question = (n: number) => ({
        text: productName(n * 104_729),
        limit: 10,
        ...more,
      });
      const times = await inTurn([client.ask, local.ask], question, queries);
      figures.push(...latencies(filter, times));
    }
    return figures;
  } finally {
    await stop(system);
    await rm(dataDir, { recursive: true, force: true });
  }
}

/** Sends products, and waits until the model fitted on most of them finds all of them. */
async function fill(system: System, products: number): Promise<void> {
  await pace(system, { rate: 2_000, seconds: products / 2_000, batch: 500, newProducts: 1 });
  for (;;) {
    const response = await fetch(`${system.run.url}/api/models`, {
      headers: { "x-api-key": system.key },
    });
    const { models } = (await response.json()) as {
      models: { state: string; corpus_texts: number | null; points: number | null }[];
    };
    const [live] = models;
    const isSettled = models.length === 1 && live?.state === "live";
    if (isSettled && (live.points ?? 0) >= products && (live.corpus_texts ?? 0) * 1.25 > products) {
      return;
    }
    await delay(500);
  }
}

/** The route without the HTTP server. */
async function openLocally({ run }: System): Promise<{ ask: Ask } & AsyncDisposable> {
  await using stack = new AsyncDisposableStack();
  const url = withRole(run.database_url, "weir_app");
  const database = stack.use(openPool({ url, applicationName: "bench" }));
  const notifications = stack.use(openNotifications({ url, applicationName: "bench" }));
  const store = createEmbeddedStore({
    database,
    notifications,
    cacheFolder: undefined,
    memoryLimitBytes: 2 ** 31,
  });
  stack.defer(() => store.close());
  const shelf = openEmbedderShelf(database);
  stack.defer(() => shelf.close());
  const models = createModelDirectory({ database, notifications });
  stack.defer(() => models.close());
  const searcher = new Searcher({ store, models, embedders: shelf, timeoutMs: 10_000 });
  const routes = searchRoutes({ searcher, models, database, fold, eventsAreKept: false });
  const route = routes.find(({ view }) => view === "search.product_search");
  if (route === undefined) throw new Error("there is no route search.product_search");
  const opened = stack.move();
  return {
    ask: async (body) => {
      const { signal } = new AbortController();
      const request: RouteRequest = {
        params: {},
        query: {},
        headers: {},
        body,
        principal,
        ip: "",
        requestId: "",
        signal,
      };
      return (await route.handle(request)).body;
    },
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  };
}

/** One persistent connection; `fetch` costs more than the difference measured here. */
function openClient({ run, key }: System): { ask: Ask } & Disposable {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  const url = new URL("/api/search", run.url);
  const ask: Ask = (question) =>
    new Promise((resolve, reject) => {
      const body = JSON.stringify(question);
      const headers = {
        "content-type": "application/json",
        "content-length": Buffer.byteLength(body),
        "x-api-key": key,
      };
      const sent = httpRequest(url, { method: "POST", agent, headers }, (response) => {
        const chunks: Buffer[] = [];
        response.on("data", (chunk: Buffer) => chunks.push(chunk));
        response.on("error", reject);
        response.on("end", () => {
          const text = Buffer.concat(chunks).toString();
          if (response.statusCode === 200) resolve(JSON.parse(text));
          else reject(new Error(`${response.statusCode} ${text.slice(0, 300)}`));
        });
      });
      sent.on("error", reject);
      sent.end(body);
    });
  return { ask, [Symbol.dispose]: () => agent.destroy() };
}

/** Sends each query to both, so that other load on the machine affects both; the order alternates. */
async function inTurn(
  asks: readonly [Ask, Ask],
  question: (n: number) => object,
  queries: number,
): Promise<[number[], number[]]> {
  const times: [number[], number[]] = [[], []];
  for (let n = 0; n < queries + warmUp; n++) {
    const results: string[] = [];
    for (const turn of [n % 2, 1 - (n % 2)] as const) {
      const began = performance.now();
      const answer = await (asks[turn] as Ask)(question(n));
      if (n >= warmUp) (times[turn] as number[]).push(performance.now() - began);
      results.push(JSON.stringify((answer as { results: unknown }).results));
    }
    if (results[0] !== results[1]) throw new Error(`two answers to ${JSON.stringify(question(n))}`);
  }
  return times;
}

function latencies(filter: string, [http, local]: readonly [number[], number[]]): Latency[] {
  const added = http.map((time, n) => time - (local[n] as number));
  return [
    { what: "POST /api/search", times: http },
    { what: "the same in process", times: local },
    { what: "HTTP adds, query by query", times: added },
  ].map(({ what, times }) => {
    const sorted = times.toSorted((a, b) => a - b);
    const at = (part: number) => (sorted[Math.floor(part * sorted.length)] ?? 0).toFixed(2);
    return { what, filter, p50: at(0.5), p95: at(0.95) };
  });
}
