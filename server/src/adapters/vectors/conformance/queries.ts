/** Part of the vector store's conformance suite: queries, judged by an oracle that tries every point. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { Filter, Point, ScoredPoint } from "../../../core/ports/vector-store.ts";
import {
  anyFilter,
  cosine,
  dimension,
  filterKinds,
  holds,
  idOf,
  makeProducts,
  productIndexes,
  randomFrom,
} from "./filter.ts";
import { isRefusedAs, type OpenStore, point, rounded, withCollection } from "./setup.ts";

export function conformanceOfQueries(open: OpenStore): void {
  for (const indexes of [{}, productIndexes]) {
    const how = Object.keys(indexes).length === 0 ? "without" : "with";
    test(`every kind of filter chooses what it means, ${how} payload indexes`, async (t) => {
      const store = await open(t);
      const name = await withCollection(t, store, { dimension, payloadIndexes: indexes });
      const products = makeProducts(300, 13);
      await store.upsert(name, products);
      const random = randomFrom(14);
      const vector = Float32Array.from({ length: dimension }, () => random() * 2 - 1);
      for (const [kind, filter] of Object.entries(filterKinds(products))) {
        const expected = products.filter((each) => holds(filter, each));
        assert.ok(expected.length > 0 && expected.length < 300, `"${kind}" decides something`);
        const found = await store.query(name, { vector, filter, limit: 300 });
        assertRanked(found, { expected, vector, limit: 300, what: kind });
        assert.equal(await store.count(name, filter), expected.length, kind);
      }
    });
  }

  test("any filter chooses what the oracle chooses, best first, up to the limit", async (t) => {
    const store = await open(t);
    const name = await withCollection(t, store, { dimension, payloadIndexes: productIndexes });
    const products = makeProducts(300, 15);
    await store.upsert(name, products);
    const vector = fc
      .array(fc.integer({ min: -50, max: 50 }), { minLength: dimension, maxLength: dimension })
      .map((numbers) => Float32Array.from(numbers));
    const limits = fc.integer({ min: 1, max: 40 });
    await fc.assert(
      fc.asyncProperty(anyFilter(products), vector, limits, async (filter, query, limit) => {
        const expected = products.filter((each) => holds(filter, each));
        const found = await store.query(name, { vector: query, filter, limit });
        assertRanked(found, { expected, vector: query, limit, what: "a random filter" });
      }),
      { numRuns: 150 },
    );
  });

  test("score_threshold leaves out what scores no more than it", async (t) => {
    const store = await open(t);
    const name = await withCollection(t, store);
    await store.upsert(name, [
      point("same", [1, 0, 0, 0]),
      point("near", [1, 1, 0, 0]),
      point("far", [0, 1, 0, 0]),
      point("zero", [0, 0, 0, 0]),
      point("away", [-1, 0, 0, 0]),
    ]);
    const vector = Float32Array.of(2, 0, 0, 0);
    const above = async (score_threshold: number): Promise<string[]> => {
      const found = await store.query(name, { vector, limit: 10, score_threshold });
      return found.map((each) => each.id);
    };
    assert.deepEqual(await above(0.5), [idOf("same"), idOf("near")]);
    assert.deepEqual(await above(1), []);
    assert.deepEqual((await above(-0.5)).slice(0, 2), [idOf("same"), idOf("near")]);
    assert.equal((await above(-0.5)).length, 4);
    const all = await store.query(name, { vector, limit: 10 });
    assert.deepEqual(
      all.map((each) => rounded(each.score) + 0),
      [1, rounded(Math.SQRT1_2), 0, 0, -1],
    );
  });

  test("points with the same score all come, in whatever order", async (t) => {
    const store = await open(t);
    const name = await withCollection(t, store);
    const same = Array.from({ length: 20 }, (_, index) => point(`same ${index}`, [1, 2, 3, 4]));
    await store.upsert(name, [...same, point("other", [4, -3, 2, -1])]);
    const query = { vector: Float32Array.of(1, 2, 3, 4) };
    const found = await store.query(name, { ...query, limit: 20 });
    assert.deepEqual(found.map((each) => each.id).sort(), same.map((each) => each.id).sort());
    assert.equal((await store.query(name, { ...query, limit: 7 })).length, 7);
  });

  test("payload and vector are returned on request", async (t) => {
    const store = await open(t);
    const name = await withCollection(t, store);
    await store.upsert(name, [point("a", [0, 3, 0, 0], { ad: "çay" })]);
    const query = { vector: Float32Array.of(0, 1, 0, 0), limit: 5 };
    const [bare] = await store.query(name, { ...query, with_payload: false });
    assert.equal(bare?.payload, undefined);
    assert.equal(bare?.vector, undefined);
    const [full] = await store.query(name, { ...query, with_payload: true, with_vector: true });
    assert.deepEqual(full?.payload, { ad: "çay" });
    assert.deepEqual(full?.vector, Float32Array.of(0, 1, 0, 0));
  });

  test("a query that means nothing is refused", async (t) => {
    const store = await open(t);
    const name = await withCollection(t, store);
    await store.upsert(name, [point("a", [1, 0, 0, 0])]);
    const vector = Float32Array.of(1, 0, 0, 0);
    await assert.rejects(
      store.query(name, { vector: Float32Array.of(1, 0, 0), limit: 1 }),
      isRefusedAs("dimension_mismatch", /\b4\b/, /\b3\b/),
    );
    await assert.rejects(store.query(name, { vector, limit: 0 }), isRefusedAs("invalid"));
    await assert.rejects(
      store.query(name, { vector: Float32Array.of(1, Number.NaN, 0, 0), limit: 1 }),
      isRefusedAs("invalid"),
    );
    const filter = { must: [{ key: "a", equals: 1 }] } as unknown as Filter;
    await assert.rejects(store.query(name, { vector, limit: 1, filter }), isRefusedAs("invalid"));
  });
}

interface Ranking {
  readonly expected: readonly Point[];
  readonly vector: Float32Array;
  readonly limit: number;
  readonly what: string;
}

/** The best `limit` of the expected, each with its score; ties in any order. */
function assertRanked(found: readonly ScoredPoint[], ranking: Ranking): void {
  const { expected, vector, limit, what } = ranking;
  const scores = new Map(expected.map((each) => [each.id, cosine(each.vector, vector)]));
  const best = [...scores.values()].sort((a, b) => b - a).slice(0, limit);
  assert.equal(found.length, best.length, what);
  assert.equal(new Set(found.map((each) => each.id)).size, found.length, what);
  for (const [place, { id, score }] of found.entries()) {
    const meant = scores.get(id);
    assert.ok(meant !== undefined, `${what}: ${id} is not among the expected`);
    assert.ok(Math.abs(score - meant) < 1e-5, `${what}: scores ${score} and not ${meant}`);
    assert.ok(Math.abs(score - (best[place] as number)) < 1e-5, `${what}: place ${place}`);
  }
}
