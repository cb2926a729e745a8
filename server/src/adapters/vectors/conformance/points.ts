/** Part of the vector store's conformance suite: writing and reading points. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Filter, Point } from "../../../core/ports/vector-store.ts";
import { dimension, holds, idOf, makeProducts } from "./filter.ts";
import { isRefusedAs, type OpenStore, point, rounded, withCollection } from "./setup.ts";

const everything = {
  text: 'çğıöşü İI \u{1f600} "quoted" \\ \n\t',
  empty: "",
  integer: 42,
  large: 9_007_199_254_740_991,
  fraction: -12.75,
  tiny: 1e-7,
  yes: true,
  no: false,
  nothing: null,
  list: [1, "iki", [3, null], { dört: 4 }],
  none: [],
  object: { a: { b: { c: ["derin"] } }, "with space": 1, boş: {} },
};

export function conformanceOfPoints(open: OpenStore): void {
  test("a payload is returned unchanged, whatever JSON it contains", async (t) => {
    const store = await open(t);
    const name = await withCollection(t, store);
    await store.upsert(name, [point("a", [1, 0, 0, 0], everything), point("b", [0, 1, 0, 0])]);
    const found = await store.retrieve(name, [idOf("a"), idOf("b")], { with_payload: true });
    assert.deepEqual(
      found.map((each) => each.payload),
      [everything, {}],
    );
  });

  test("an upsert replaces the point with the same id: vector and all of the payload", async (t) => {
    const store = await open(t);
    const name = await withCollection(t, store);
    await store.upsert(name, [point("a", [1, 0, 0, 0], { old: 1, both: 1 })]);
    await store.upsert(name, [point("a", [0, 2, 0, 0], { both: 2 })]);
    const [found] = await store.retrieve(name, [idOf("a")], {
      with_payload: true,
      with_vector: true,
    });
    assert.deepEqual(found?.payload, { both: 2 });
    assert.deepEqual([...(found?.vector ?? [])], [0, 1, 0, 0]);
    assert.equal(await store.count(name), 1);
    // twice in one call: the last one is kept
    await store.upsert(name, [
      point("b", [1, 0, 0, 0], { n: 1 }),
      point("b", [1, 0, 0, 0], { n: 2 }),
    ]);
    assert.equal(await store.count(name, { must: [{ key: "n", match: { value: 2 } }] }), 1);
    assert.equal(await store.count(name), 2);
  });

  test("vectors are kept with length 1, also very long and very short ones; zeros stay zeros", async (t) => {
    const store = await open(t);
    const name = await withCollection(t, store);
    const given = { plain: [3, 0, 4, 0], long: [1e30, 0, 0, 1e30], zero: [0, 0, 0, 0] };
    await store.upsert(
      name,
      Object.entries(given).map(([id, vector]) => point(id, vector)),
    );
    const found = await store.retrieve(name, Object.keys(given).map(idOf), { with_vector: true });
    const near = found.map(({ vector = [] }) => [...vector].map(rounded));
    assert.deepEqual(near, [
      [0.6, 0, 0.8, 0],
      [rounded(Math.SQRT1_2), 0, 0, rounded(Math.SQRT1_2)],
      [0, 0, 0, 0],
    ]);
  });

  test("a wrong vector or id is refused, and nothing of the call is kept", async (t) => {
    const store = await open(t);
    const name = await withCollection(t, store);
    const good = point("good", [1, 0, 0, 0]);
    const upsert = (bad: Point): Promise<void> => store.upsert(name, [good, bad]);
    await assert.rejects(
      upsert(point("short", [1, 0])),
      isRefusedAs("dimension_mismatch", /\b4\b/, /\b2\b/),
    );
    await assert.rejects(
      store.upsert(name, [point("short", [1, 0])]),
      isRefusedAs("dimension_mismatch", /\b4\b/, /\b2\b/),
    );
    await assert.rejects(upsert(point("nan", [1, Number.NaN, 0, 0])), isRefusedAs("invalid"));
    await assert.rejects(upsert(point("inf", [Infinity, 0, 0, 0])), isRefusedAs("invalid"));
    await assert.rejects(upsert({ ...good, id: "not a uuid" }), isRefusedAs("invalid"));
    assert.equal(await store.count(name), 0);
    await store.upsert(name, []);
  });

  // null takes a member away: so Qdrant merges
  test("setPayload sets the members given and leaves the others; ids that are not there are passed over", async (t) => {
    const store = await open(t);
    const name = await withCollection(t, store);
    await store.upsert(name, [
      point("a", [1, 0, 0, 0], { keep: 1, change: { old: 1 }, gone: 1 }),
      point("b", [0, 1, 0, 0], { keep: 2 }),
    ]);
    const payload = { change: { ad: "yeni" }, add: [], gone: null };
    await store.setPayload(name, { ids: [idOf("a"), idOf("missing")], payload });
    const found = await store.retrieve(name, [idOf("a"), idOf("b"), idOf("missing")], {
      with_payload: true,
      with_vector: true,
    });
    assert.deepEqual(
      found.map((each) => each.payload),
      [{ keep: 1, change: { ad: "yeni" }, add: [] }, { keep: 2 }],
    );
    assert.deepEqual([...(found[0]?.vector ?? [])], [1, 0, 0, 0]);
  });

  test("delete takes ids or a filter, and is silent about what is not there", async (t) => {
    const store = await open(t);
    const name = await withCollection(t, store);
    const points = ["a", "b", "c", "d"].map((id, n) => point(id, [1, n, 0, 0], { n }));
    await store.upsert(name, points);
    await store.delete(name, { ids: [idOf("a"), idOf("missing")] });
    assert.equal(await store.count(name), 3);
    await store.delete(name, { filter: { must: [{ key: "n", range: { gte: 2 } }] } });
    const { points: left } = await store.scroll(name, { limit: 10 });
    assert.deepEqual(
      left.map((each) => each.id),
      [idOf("b")],
    );
    await store.upsert(name, points.slice(0, 1));
    assert.equal(await store.count(name), 2);
  });

  test("retrieve answers in the order asked and leaves out what is not there", async (t) => {
    const store = await open(t);
    const name = await withCollection(t, store);
    const ids = Array.from({ length: 30 }, (_, index) => `p${index}`);
    await store.upsert(
      name,
      ids.map((id, n) => point(id, [1, n, 0, 0], { n })),
    );
    const asked = [...ids].reverse().flatMap((id) => [idOf(id), idOf(`no ${id}`)]);
    const found = await store.retrieve(name, asked, { with_payload: false });
    assert.deepEqual(
      found.map((each) => each.id),
      [...ids].reverse().map(idOf),
    );
    assert.ok(found.every((each) => each.payload === undefined && each.vector === undefined));
    assert.deepEqual(await store.retrieve(name, []), []);
  });

  test("scroll goes through every point once, by id, page by page, with or without a filter", async (t) => {
    const store = await open(t);
    const name = await withCollection(t, store, { dimension });
    const products = makeProducts(250, 11);
    await store.upsert(name, products);
    const filter: Filter = { must: [{ key: "active", match: { value: true } }] };
    for (const chosen of [undefined, filter]) {
      const seen: string[] = [];
      let offset: string | undefined;
      do {
        const page = await store.scroll(name, {
          limit: 40,
          ...(chosen === undefined ? {} : { filter: chosen }),
          ...(offset === undefined ? {} : { offset }),
        });
        assert.ok(page.points.every((each) => each.payload?.["name"] !== undefined));
        assert.ok(page.next === undefined || page.points.length === 40);
        seen.push(...page.points.map((each) => each.id));
        offset = page.next;
      } while (offset !== undefined);
      const expected = products.filter((each) => chosen === undefined || holds(chosen, each));
      assert.deepEqual(seen, expected.map((each) => each.id).sort());
    }
  });

  test("5,000 points in one call are all there, and each is found by its vector", async (t) => {
    const store = await open(t);
    const name = await withCollection(t, store, { dimension });
    const points = makeProducts(5_000, 12);
    await store.upsert(name, points, { timeoutMs: 60_000 });
    assert.equal(await store.count(name), 5_000);
    for (const wanted of points.filter((_, index) => index % 499 === 0)) {
      const [best] = await store.query(name, { vector: wanted.vector, limit: 1 });
      assert.equal(best?.id, wanted.id);
    }
  });

  test("what was written is seen by the next call", async (t) => {
    const store = await open(t);
    const name = await withCollection(t, store);
    const filter: Filter = { must: [{ key: "state", match: { value: "new" } }] };
    for (let round = 0; round < 15; round++) {
      const id = `round ${round}`;
      const vector = [1, round, round * round, 0];
      const query = { vector: Float32Array.from(vector), limit: 1, filter };
      await store.upsert(name, [point(id, vector, { state: "new" })]);
      assert.equal((await store.query(name, query))[0]?.id, idOf(id));
      await store.setPayload(name, { ids: [idOf(id)], payload: { state: "seen" } });
      assert.deepEqual(await store.query(name, query), []);
      await store.delete(name, { ids: [idOf(id)] });
      assert.equal(await store.count(name), 0);
    }
  });
}
