/**
 * The cost of the part `stream` per event: `node bench/stream.ts [--events 100000] [--page 5000] [--documents]`.
 * `--documents`: with the collection of events.
 *
 * Fills the log of a separate durable PostgreSQL with a shop's events, then starts one worker, which reads it
 * to the end and writes all points that have changed. Reports events per second, the CPU of the worker and of
 * PostgreSQL per event, and the time per statement.
 */
import { chmod, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { parseArgs } from "node:util";
import { coldStartModel, fitLsa, fold } from "../server/src/adapters/embeddings/embedders.ts";
import { startEmbeddedPostgres } from "../server/src/adapters/postgres/embedded.ts";
import { migrate } from "../server/src/adapters/postgres/migrate.ts";
import { openNotifications } from "../server/src/adapters/postgres/notifications.ts";
import { openPool, type Pool } from "../server/src/adapters/postgres/pool.ts";
import { openEmbedderShelf } from "../server/src/compose/embedders.ts";
import {
  defaultEventTypeMapping,
  syncEventTypeMapping,
} from "../server/src/parts/etl/event-types.ts";
import { createPageReader } from "../server/src/parts/log/page-reader.ts";
import { createLogScan } from "../server/src/parts/log/scan.ts";
import { collections } from "../server/src/parts/models/collections.ts";
import { createModels } from "../server/src/parts/models/models.ts";
import { createCorpus } from "../server/src/parts/stream/fill/corpus.ts";
import { createPointSource } from "../server/src/parts/stream/fill/point-source.ts";
import { createRefresh } from "../server/src/parts/stream/points/refresh.ts";
import { createStream } from "../server/src/parts/stream/stream.ts";
import type { PageReport } from "../server/src/parts/stream/worker.ts";
import { createProcessor } from "../server/src/parts/stream/write/processor.ts";
import { productName } from "../testing/product-name.ts";
import { makeId, makeRandom } from "../testing/random.ts";
import { treeMicros } from "./processes.ts";

const { values: flags } = parseArgs({
  options: {
    events: { type: "string", default: "100000" },
    page: { type: "string", default: "5000" },
    rounds: { type: "string", default: "2" },
    documents: { type: "boolean", default: false },
  },
});
const events = Number(flags.events);
const products = 5_000;
const users = 50_000;

async function append(database: Pool, random: () => number): Promise<void> {
  await database.query({ text: "select raw.prepare_days(1)" });
  for (let done = 0; done < events; done += 1_000) {
    const rows = Array.from({ length: 1_000 }, () => {
      const known = Math.floor(products * random() ** 2);
      const draw = random();
      const type = draw < 0.85 ? "product.view" : draw < 0.95 ? "cart.add" : "purchase";
      const user = `user-${Math.floor(users * random() ** 2)}`;
      const product = {
        id: `product-${known}`,
        name: productName(known),
        category: `category-${known % 20}`,
        price: 19.99,
        currency: "TRY",
        quantity: 1,
      };
      const payload = { event_type: type, user_id: user, product, properties: { path: "/p" } };
      return { id: makeId(random), type, user, key: product.id, payload: JSON.stringify(payload) };
    }).sort((a, b) => (a.id < b.id ? -1 : 1));
    await database.query({
      text: `insert into raw.events (service_id, format, event_id, occurred_at, user_key, product_key, event_type, payload)
             select 1, 0, id, now(), u, p, t, b
             from unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[]) r (id, u, p, t, b)`,
      values: [
        rows.map(({ id }) => id),
        rows.map(({ user }) => user),
        rows.map(({ key }) => key),
        rows.map(({ type }) => type),
        rows.map(({ payload }) => payload),
      ],
    });
  }
}

async function isRead(owner: Pool): Promise<boolean> {
  const [row] = await owner.query<{ read: boolean }>({
    text: `select not exists (select from log.pages)
             and not exists (select from stream.stale)
             and (select events from log.readers where name = 'stream') >= (select count(*) from raw.events) as read`,
  });
  return row?.read === true;
}

const dataDir = await mkdtemp(join(tmpdir(), "weir-bench-"));
await chmod(dataDir, 0o755);
const server = await startEmbeddedPostgres({ dataDir });
const url = server.url;
const owner = openPool({ url, applicationName: "bench", max: 2 });
try {
  await migrate({ url });
  await syncEventTypeMapping(owner, defaultEventTypeMapping);
  const spent = new Map<string, { calls: number; ms: number }>();
  const database = openPool({
    url,
    applicationName: "bench stream",
    max: 6,
    settings: { synchronous_commit: "off" },
    onQuery({ statement, milliseconds }) {
      const sum = spent.get(statement) ?? { calls: 0, ms: 0 };
      spent.set(statement, { calls: sum.calls + 1, ms: sum.ms + milliseconds });
    },
  });
  const notifications = openNotifications({ url, applicationName: "bench listens" });
  const shelf = openEmbedderShelf(database);
  const pages: PageReport[] = [];
  const parts = [
    createStream({
      database,
      notifications,
      pages: createPageReader(database, "stream"),
      processor: createProcessor({
        database,
        collections,
        embedders: shelf,
        interest: () => ({ view: 1, cart: 3, purchase: 5, halfLifeMs: 14 * 86_400_000 }),
        fold,
      }),
      owner: "bench",
      workers: 1,
      pageEvents: Number(flags.page),
      intervalMs: 25,
      steps: { documents: flags.documents },
      onPage: (page) => pages.push(page),
      onError: (error) => console.error(String(error)),
    }),
    createRefresh({ database, collections, intervalMs: 50 }),
    createModels({
      database,
      notifications,
      maker: {
        coldStart: async () => coldStartModel(new Date(0)),
        fit: (texts, signal) => fitLsa(texts, { created: new Date(0), signal }),
      },
      corpus: createCorpus(database),
      source: createPointSource({
        database,
        log: createLogScan(database),
        collections,
        embedders: shelf,
        eventDays: 30,
      }),
      owner: "bench",
      eventsCollection: flags.documents,
    }),
  ];
  const random = makeRandom(1);
  // the first round fills the tables; ignore its figures
  for (let round = 1; round <= Number(flags.rounds); round++) {
    await append(owner, random);
    await owner.query({ text: "vacuum analyze" });
    pages.length = 0;
    spent.clear();
    const cpu = { server: treeMicros(server.pid), worker: process.cpuUsage() };
    const began = performance.now();
    const stop = new AbortController();
    const running = Promise.all(parts.map((part) => part.run(stop.signal)));
    running.catch(console.error);
    while (!(await isRead(owner))) await delay(50);
    const seconds = (performance.now() - began) / 1000;
    stop.abort();
    await running;
    const worker = process.cpuUsage(cpu.worker);
    const postgres = treeMicros(server.pid) - cpu.server;
    const sum = (of: (page: PageReport) => number) =>
      pages.reduce((all, page) => all + of(page), 0);
    const taken = sum((page) => page.events);
    console.log(
      `round ${round}: ${Math.round(taken / seconds)} events/s, CPU per event: worker ${((worker.user + worker.system) / taken).toFixed(1)} us, PostgreSQL ${(postgres / taken).toFixed(1)} us; ${pages.length} pages, ${sum((p) => p.points)} points written`,
    );
    for (const [statement, { calls, ms }] of [...spent]
      .sort((a, b) => b[1].ms - a[1].ms)
      .slice(0, 12)) {
      console.log(
        `  ${statement.padEnd(42)} ${String(calls).padStart(6)} calls ${((ms * 1000) / taken).toFixed(2).padStart(7)} us per event`,
      );
    }
  }
  await notifications.close();
  await shelf.close();
  await database.close();
} finally {
  await owner.close();
  await server.stop();
  await rm(dataDir, { recursive: true, force: true });
}
process.exit();
