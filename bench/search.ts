/**
 * Response time and recall of a search: `node bench/search.ts [--points 100000]`. The cost of HTTP, on a
 * separate Weir with 20,000 products: `node bench/search.ts --http [--queries 2000]`.
 *
 * First the index alone, on the calling thread ("index"), against a full comparison: 20,000 x 128, and
 * `--points` x 384 of three kinds of synthetic data: clusters (2,000 centres, noise as long as the centre),
 * points near a plane of 16 dimensions, and isotropic noise, which has no structure and is included as a
 * warning. Then through the embedded store on a separate PostgreSQL ("store": the name, the filter, the
 * worker's messages, the payload), 20,000 x 128 clusters. Queries have the points' distribution; filters select
 * one point in twenty; limit 10.
 */
import { randomUUID } from "node:crypto";
import { chmod, mkdtemp, realpath, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { startEmbeddedPostgres } from "../server/src/adapters/postgres/embedded.ts";
import { withRole } from "../server/src/adapters/postgres/location.ts";
import { migrate } from "../server/src/adapters/postgres/migrate.ts";
import { openNotifications } from "../server/src/adapters/postgres/notifications.ts";
import { openPool } from "../server/src/adapters/postgres/pool.ts";
import { IndexCollection } from "../server/src/adapters/vectors/embedded/index/collection.ts";
import { createEmbeddedStore } from "../server/src/adapters/vectors/embedded/store.ts";
import type { Filter } from "../server/src/core/ports/vector-store.ts";
import { makeRandom } from "../testing/random.ts";
import { benchHttp } from "./search-over-http.ts";

const { values } = parseArgs({
  options: {
    points: { type: "string", default: "100000" },
    queries: { type: "string", default: "200" },
    http: { type: "boolean", default: false },
  },
});
const queries = Number(values.queries);
const random = makeRandom(1);
const oneInTwenty: Filter = { must: [{ key: "group", match: { value: 7 } }] };

const filters = [
  [undefined, "none"],
  [oneInTwenty, "1 in 20"],
] as const;

function noise(): number {
  return Math.sqrt(-2 * Math.log(random() + 1e-12)) * Math.cos(2 * Math.PI * random());
}

function unit(vector: Float32Array): Float32Array {
  const length = Math.hypot(...vector);
  return vector.map((value) => value / length);
}

const gauss = (length: number): Float32Array => Float32Array.from({ length }, noise);

function clusters(dimension: number, count: number): () => Float32Array {
  const centres = Array.from({ length: count }, () => unit(gauss(dimension)));
  return () => {
    const centre = centres[Math.floor(random() * count)] ?? gauss(dimension);
    return unit(centre.map((value) => value + noise() / Math.sqrt(dimension)));
  };
}

function nearPlane(dimension: number, plane: number): () => Float32Array {
  const axes = Array.from({ length: plane }, () => gauss(dimension));
  return () => {
    const vector = gauss(dimension).map((value) => 0.3 * value);
    for (const axis of axes) {
      const along = noise();
      for (let i = 0; i < dimension; i++) vector[i] = (vector[i] ?? 0) + along * (axis[i] ?? 0);
    }
    return unit(vector);
  };
}

interface Figure {
  readonly what: string;
  readonly filter: string;
  readonly recall: string;
  readonly p50: string;
  readonly p95: string;
}

function figure(about: { what: string; filter: string; recall: number }, times: number[]): Figure {
  times.sort((a, b) => a - b);
  const at = (part: number): string => (times[Math.floor(part * times.length)] ?? 0).toFixed(2);
  return { ...about, recall: about.recall.toFixed(4), p50: at(0.5), p95: at(0.95) };
}

type Search = (vector: Float32Array) => Promise<readonly { score: number }[]> | { score: number }[];

/** One query after the other; the expected results are computed afterwards. */
async function measure(
  about: { what: string; filter: string },
  data: readonly Float32Array[],
  search: { readonly run: Search; readonly make: () => Float32Array },
): Promise<Figure> {
  const asked = Array.from({ length: queries + 50 }, search.make);
  const times: number[] = [];
  const answers: (readonly { score: number }[])[] = [];
  for (const vector of asked) {
    const began = performance.now();
    const found = search.run(vector);
    answers.push(found instanceof Promise ? await found : found);
    times.push(performance.now() - began);
  }
  let hits = 0;
  for (const [i, found] of answers.entries()) {
    const least = tenth(data, asked[i] ?? new Float32Array(0), about.filter !== "none") - 1e-6;
    hits += found.filter(({ score }) => score >= least).length;
  }
  return figure({ ...about, recall: hits / asked.length / 10 }, times.slice(50));
}

/** The tenth best score of a full comparison. */
function tenth(data: readonly Float32Array[], query: Float32Array, filtered: boolean): number {
  const scores: number[] = [];
  for (const [n, vector] of data.entries()) {
    if (filtered && n % 20 !== 7) continue;
    let sum = 0;
    for (let i = 0; i < query.length; i++) sum += (vector[i] ?? 0) * (query[i] ?? 0);
    scores.push(sum);
  }
  return Float64Array.from(scores).sort().at(-10) ?? 0;
}

async function benchIndex(
  what: string,
  points: number,
  make: () => Float32Array,
): Promise<Figure[]> {
  const data = Array.from({ length: points }, make);
  const index = new IndexCollection(data[0]?.length ?? 0, ["group"]);
  const started = performance.now();
  for (const [n, vector] of data.entries()) {
    index.put(randomUUID(), vector, JSON.stringify({ group: n % 20, name: `point ${n}` }));
  }
  while (!index.improve(10_000));
  process.stderr.write(
    `${what}: built in ${((performance.now() - started) / 1000).toFixed(1)} s, ` +
      `${Math.round(index.bytes / 2 ** 20)} MiB, ${index.stage}\n`,
  );
  const figures: Figure[] = [];
  for (const [filter, kind] of filters) {
    const run: Search = (vector) =>
      index.query({
        vector,
        filter,
        limit: 10,
        threshold: -2,
        withPayload: true,
        withVector: false,
      });
    figures.push(await measure({ what, filter: kind }, data, { run, make }));
  }
  return figures;
}

async function benchStore(points: number, make: () => Float32Array): Promise<Figure[]> {
  await using stack = new AsyncDisposableStack();
  const dataDir = await mkdtemp(join(await realpath(tmpdir()), "weir-bench-"));
  stack.defer(() => rm(dataDir, { recursive: true, force: true }));
  await chmod(dataDir, 0o711);
  const server = await startEmbeddedPostgres({ dataDir, durable: true });
  stack.defer(() => server.stop());
  await migrate({ url: server.url });
  const url = withRole(server.url, "weir_app");
  const database = stack.use(openPool({ url, applicationName: "bench" }));
  const notifications = stack.use(openNotifications({ url, applicationName: "bench" }));
  const store = createEmbeddedStore({
    database,
    notifications,
    cacheFolder: undefined,
    memoryLimitBytes: 2 ** 31,
  });
  stack.defer(() => store.close());
  const data = Array.from({ length: points }, make);
  await store.createCollection("bench", {
    dimension: data[0]?.length ?? 0,
    payloadIndexes: { group: "integer" },
  });
  let started = performance.now();
  for (let at = 0; at < points; at += 500) {
    const some = data.slice(at, at + 500).map((vector, i) => ({
      id: randomUUID(),
      vector,
      payload: { group: (at + i) % 20, name: `point ${at + i}` },
    }));
    await store.upsert("bench", some);
  }
  const rate = Math.round(points / ((performance.now() - started) / 1000));
  started = performance.now();
  await store.warm(["bench"]);
  const loadMs = Math.round(performance.now() - started);
  process.stderr.write(`store: upserts of 500 ${rate} points/s; loaded in ${loadMs} ms\n`);
  const figures: Figure[] = [];
  const what = `store, clusters ${points} x ${data[0]?.length}`;
  for (const [filter, kind] of filters) {
    const run: Search = (vector) =>
      store.query("bench", {
        vector,
        limit: 10,
        with_payload: true,
        ...(filter === undefined ? {} : { filter }),
      });
    figures.push(await measure({ what, filter: kind }, data, { run, make }));
  }
  const visible: number[] = [];
  for (let round = 0; round < 100; round++) {
    const began = performance.now();
    await store.upsert("bench", [{ id: randomUUID(), vector: make(), payload: {} }]);
    visible.push(performance.now() - began);
  }
  const upsert = { what: "store, upsert of one point until found", filter: "none", recall: 1 };
  figures.push(figure(upsert, visible));
  return figures;
}

if (values.http) {
  console.table(await benchHttp(20_000, queries));
} else {
  const many = Number(values.points);
  console.table([
    ...(await benchIndex("clusters 20000 x 128", 20_000, clusters(128, 500))),
    ...(await benchIndex(`clusters ${many} x 384`, many, clusters(384, 2_000))),
    ...(await benchIndex(`near a plane ${many} x 384`, many, nearPlane(384, 16))),
    ...(await benchIndex(`isotropic ${many} x 384`, many, () => unit(gauss(384)))),
    ...(await benchStore(20_000, clusters(128, 500))),
  ]);
}
