/**
 * Response times of the Qdrant driver: `node bench/qdrant.ts --points 20000 --dimension 128`.
 *
 * Uses the test shim around Qdrant's engine (`WEIR_TEST_PYTHON`), or with `--url` a Qdrant server. Vectors are
 * in 200 clusters, like those of products; one query at a time, the first hundred are not counted. The
 * shim answers in Python and without an HNSW graph: its times are an upper bound for the driver's own.
 */
import { randomUUID } from "node:crypto";
import { parseArgs } from "node:util";
import { createQdrantStore } from "../server/src/adapters/vectors/qdrant/store.ts";
import type { Filter, Point } from "../server/src/core/ports/vector-store.ts";
import { startQdrantShim } from "../testing/qdrant-shim.ts";
import { makeRandom } from "../testing/random.ts";

const { values } = parseArgs({
  options: {
    url: { type: "string" },
    points: { type: "string", default: "20000" },
    dimension: { type: "string", default: "128" },
    queries: { type: "string", default: "1000" },
  },
});
const [count, dimension, queries] = [values.points, values.dimension, values.queries].map(
  Number,
) as [number, number, number];
const random = makeRandom(1);
const around = (centre: readonly number[]): Float32Array =>
  Float32Array.from(centre, (x) => x + (random() - 0.5) * 0.6);
const centres = Array.from({ length: 200 }, () =>
  Array.from({ length: dimension }, () => random() - 0.5),
);
const anyCentre = (): readonly number[] =>
  centres[Math.floor(random() * centres.length)] as readonly number[];

const cleanUp: (() => void | Promise<void>)[] = [];
const url = values.url ?? (await startQdrantShim({ after: (work) => void cleanUp.push(work) })).url;
const store = createQdrantStore({ url });
const name = `bench-${randomUUID()}`;
try {
  await store.createCollection(name, { dimension, payloadIndexes: { category: "keyword" } });
  const points = Array.from(
    { length: count },
    (_, n): Point => ({
      id: randomUUID(),
      vector: around(anyCentre()),
      payload: { name: `product ${n}`, category: `c${n % 20}`, price: n % 1_000 },
    }),
  );
  const began = performance.now();
  for (let at = 0; at < count; at += 1_000) await store.upsert(name, points.slice(at, at + 1_000));
  const perSecond = (count / (performance.now() - began)) * 1_000;
  console.log(`upsert, 1,000 per call, wait=true: ${Math.round(perSecond)} points/s`);
  await measure("one point upserted", () => store.upsert(name, [points[0] as Point]));
  await measure("query, limit 10", () =>
    store.query(name, { vector: around(anyCentre()), limit: 10, with_payload: true }),
  );
  const filter: Filter = { must: [{ key: "category", match: { value: "c7" } }] };
  await measure("query, limit 10, filter 1 in 20", () =>
    store.query(name, { vector: around(anyCentre()), limit: 10, with_payload: true, filter }),
  );
  await measure("retrieve of one", () => store.retrieve(name, [(points[7] as Point).id]));
} finally {
  await store.deleteCollection(name);
  await store.close();
  for (const work of cleanUp.reverse()) await work();
}

async function measure(what: string, work: () => Promise<unknown>): Promise<void> {
  const times: number[] = [];
  for (let n = -100; n < queries; n++) {
    const started = performance.now();
    await work();
    if (n >= 0) times.push(performance.now() - started);
  }
  times.sort((a, b) => a - b);
  const at = (part: number): string =>
    (times[Math.floor(times.length * part)] as number).toFixed(2);
  console.log(`${what}: p50 ${at(0.5)} ms, p95 ${at(0.95)} ms, n ${times.length}`);
}
