import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { Filter, Payload } from "../../../../core/ports/vector-store.ts";
import { idOf, randomFrom } from "../../conformance/filter.ts";
import { IndexCollection } from "./collection.ts";
import { matchesFilter } from "./filter.ts";

interface Known {
  readonly vector: Float32Array;
  readonly payload: Payload;
}

function unit(values: Iterable<number>): Float32Array {
  const vector = Float32Array.from(values);
  const length = Math.sqrt(vector.reduce((sum, value) => sum + value * value, 0));
  return length === 0 ? vector : vector.map((value) => value / length);
}

function dot(a: Float32Array, b: Float32Array): number {
  return a.reduce((sum, value, i) => sum + value * (b[i] ?? 0), 0);
}

function ask(
  index: IndexCollection,
  vector: Float32Array,
  about: { limit: number; filter?: Filter },
) {
  return index.query({
    vector,
    filter: about.filter,
    limit: about.limit,
    threshold: Number.NEGATIVE_INFINITY,
    withPayload: true,
    withVector: true,
  });
}

/** The scores of a full comparison; points with equal scores may come in any order. */
function oracleScores(
  points: ReadonlyMap<string, Known>,
  vector: Float32Array,
  about: { limit: number; filter?: Filter },
): number[] {
  return [...points]
    .filter(([id, { payload }]) => matchesFilter(about.filter ?? {}, { id, payload }))
    .map(([, known]) => dot(known.vector, vector))
    .sort((a, b) => b - a)
    .slice(0, about.limit);
}

function assertSameScores(found: readonly { score: number }[], wanted: readonly number[]): void {
  assert.equal(found.length, wanted.length);
  for (const [i, { score }] of found.entries()) {
    assert.ok(Math.abs(score - (wanted[i] ?? 0)) < 1e-5, `${score} at ${i}, not ${wanted[i]}`);
  }
}

test("after any changes a query finds exactly what a full comparison finds", () => {
  const dimension = 7;
  const vector = fc
    .array(fc.integer({ min: -4, max: 4 }), { minLength: dimension, maxLength: dimension })
    .map(unit);
  const payload = fc.record(
    {
      a: fc.oneof(fc.integer({ min: 0, max: 3 }), fc.constantFrom("x", "y", null)),
      b: fc.array(fc.integer({ min: 0, max: 3 }), { maxLength: 2 }),
    },
    { requiredKeys: [] },
  );
  const id = fc.integer({ min: 0, max: 40 }).map((n) => idOf(String(n)));
  const change = fc.oneof(
    { weight: 4, arbitrary: fc.record({ id, vector, payload }) },
    { weight: 1, arbitrary: fc.record({ id, payload }) },
    { weight: 2, arbitrary: fc.record({ id }) },
  );
  const filter = fc.constantFrom<Filter>(
    {},
    { must: [{ key: "a", match: { value: 1 } }] },
    { must_not: [{ key: "b", range: { gt: 1 } }] },
    { should: [{ is_empty: { key: "b" } }, { key: "a", match: { except: ["x"] } }] },
  );
  fc.assert(
    fc.property(
      fc.array(change, { maxLength: 120 }),
      vector,
      fc.record({ limit: fc.integer({ min: 1, max: 20 }), filter }),
      (changes, query, about) => {
        const index = new IndexCollection(dimension, ["a"]);
        const points = new Map<string, Known>();
        for (const next of changes) {
          const before = points.get(next.id);
          if (!("payload" in next)) {
            index.remove(next.id);
            points.delete(next.id);
            continue;
          }
          const given = "vector" in next ? next.vector : undefined;
          index.put(next.id, given, JSON.stringify(next.payload));
          const kept = given ?? before?.vector;
          if (kept !== undefined) points.set(next.id, { vector: kept, payload: next.payload });
        }
        const found = ask(index, query, about);
        assertSameScores(found, oracleScores(points, query, about));
        for (const { id: foundId, payload: text, vector: own } of found) {
          const known = points.get(foundId);
          assert.deepEqual(own, known?.vector);
          assert.deepEqual(JSON.parse(text ?? ""), JSON.parse(JSON.stringify(known?.payload)));
        }
        assert.equal(
          index.count(about.filter),
          oracleScores(points, query, { ...about, limit: 1_000 }).length,
        );
      },
    ),
    { numRuns: 300 },
  );
});

test("above one chunk, below the size for bits, the best are exactly the best", () => {
  const random = randomFrom(7);
  for (const dimension of [33, 128]) {
    const index = new IndexCollection(dimension, []);
    const points = new Map<string, Known>();
    for (let n = 0; n < 9_000; n++) {
      const vector = unit(draw(random, dimension));
      points.set(idOf(`p${n}`), { vector, payload: {} });
      index.put(idOf(`p${n}`), vector, "{}");
    }
    assert.equal(index.improve(1_000), true, "no bits are needed");
    for (let round = 0; round < 20; round++) {
      const query = unit(draw(random, dimension));
      const about = { limit: 10 };
      assertSameScores(ask(index, query, about), oracleScores(points, query, about));
    }
  }
});

function* draw(random: () => number, length: number): Generator<number> {
  for (let i = 0; i < length; i++) yield random() + random() + random() - 1.5;
}

test("with bits, recall stays above 0.99 while points come, change and go, with and without a filter", () => {
  const dimension = 96;
  const random = randomFrom(11);
  const centres = Array.from({ length: 300 }, () => unit(draw(random, dimension)));
  const near = (): Float32Array => {
    const centre = centres[Math.floor(random() * centres.length)] as Float32Array;
    const noise = unit(draw(random, dimension));
    return unit(centre.map((value, i) => value + 0.9 * (noise[i] ?? 0)));
  };
  const index = new IndexCollection(dimension, []);
  const points = new Map<string, Known>();
  const put = (n: number): void => {
    const known = { vector: near(), payload: { half: n % 2 } };
    points.set(idOf(`p${n}`), known);
    index.put(idOf(`p${n}`), known.vector, JSON.stringify(known.payload));
  };
  for (let n = 0; n < 50_000; n++) put(n);
  while (!index.improve(5_000));
  assert.equal(index.stage, "coded");
  for (let n = 0; n < 3_000; n++) put(n);
  for (let n = 50_000; n < 54_000; n++) put(n);
  for (let n = 3_000; n < 6_000; n++) {
    points.delete(idOf(`p${n}`));
    index.remove(idOf(`p${n}`));
  }
  for (const filter of [undefined, { must: [{ key: "half", match: { value: 1 } }] }]) {
    const about = { limit: 10, ...(filter === undefined ? {} : { filter }) };
    let hits = 0;
    for (let round = 0; round < 25; round++) {
      const query = near();
      const least = (oracleScores(points, query, about).at(-1) ?? 0) - 1e-5;
      const found = ask(index, query, about);
      for (const { id, score } of found) {
        const known = points.get(id) as Known;
        assert.ok(
          Math.abs(dot(known.vector, query) - score) < 1e-5,
          "a score that is not the point's",
        );
      }
      hits += found.filter(({ score }) => score >= least).length;
    }
    assert.ok(hits >= 248, `${hits} of 250`);
  }
});

test("points that are all the same are all found", () => {
  const index = new IndexCollection(128, []);
  const vector = unit(draw(randomFrom(3), 128));
  for (let n = 0; n < 40_000; n++) index.put(idOf(`p${n}`), vector, "{}");
  while (!index.improve(5_000));
  assert.equal(index.stage, "coded");
  assert.equal(ask(index, vector, { limit: 30 }).length, 30);
  assert.equal(ask(index, new Float32Array(128), { limit: 10 }).length, 10);
});
