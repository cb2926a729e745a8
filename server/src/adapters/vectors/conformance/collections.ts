/** Part of the vector store's conformance suite: collections, aliases, calls that cannot succeed. */
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { test } from "node:test";
import { idOf } from "./filter.ts";
import { isRefusedAs, type OpenStore, point, withCollection } from "./setup.ts";

export function conformanceOfCollections(open: OpenStore): void {
  test("a collection is made once, and another dimension is refused with what to do", async (t) => {
    const store = await open(t);
    const payloadIndexes = { category: "keyword", price: "float" } as const;
    const name = await withCollection(t, store, { dimension: 4, payloadIndexes });
    await store.upsert(name, [point("a", [1, 0, 0, 0])]);
    await store.createCollection(name, { dimension: 4, payloadIndexes });
    const info = await store.collection(name);
    assert.deepEqual(info, { name, dimension: 4, points: 1, state: "ready" });
    await assert.rejects(
      store.createCollection(name, { dimension: 8 }),
      isRefusedAs("dimension_mismatch", /\b4\b/, /\b8\b/, /delete|own|other|another/),
    );
    assert.equal((await store.collection(name))?.dimension, 4);
  });

  test("several callers make the same collection at the same time", async (t) => {
    const store = await open(t);
    const name = `conformance-${randomUUID()}`;
    t.after(() => store.deleteCollection(name));
    const settings = { dimension: 4, payloadIndexes: { category: "keyword" } } as const;
    await Promise.all(Array.from({ length: 6 }, () => store.createCollection(name, settings)));
    assert.equal((await store.collection(name))?.points, 0);
  });

  test("a deleted collection is gone with its points, and deleting it again is no error", async (t) => {
    const store = await open(t);
    const name = await withCollection(t, store);
    await store.upsert(name, [point("a", [1, 0, 0, 0])]);
    await store.deleteCollection(name);
    await store.deleteCollection(name);
    assert.equal(await store.collection(name), undefined);
    await store.createCollection(name, { dimension: 2 });
    assert.deepEqual(await store.collection(name), {
      name,
      dimension: 2,
      points: 0,
      state: "ready",
    });
  });

  test("an unknown collection is not found by any call", async (t) => {
    const store = await open(t);
    const name = `nowhere-${randomUUID()}`;
    const vector = Float32Array.of(1, 0, 0, 0);
    const calls: Record<string, () => Promise<unknown>> = {
      upsert: () => store.upsert(name, [point("a", [1, 0, 0, 0])]),
      setPayload: () => store.setPayload(name, { ids: [idOf("a")], payload: { a: 1 } }),
      delete: () => store.delete(name, { ids: [idOf("a")] }),
      retrieve: () => store.retrieve(name, [idOf("a")]),
      scroll: () => store.scroll(name, { limit: 1 }),
      count: () => store.count(name),
      query: () => store.query(name, { vector, limit: 1 }),
    };
    for (const [what, call] of Object.entries(calls)) {
      await t.test(what, () => assert.rejects(call(), isRefusedAs("not_found")));
    }
    assert.equal(await store.collection(name), undefined);
  });

  test("an alias names its collection, for reads and for writes", async (t) => {
    const store = await open(t);
    const name = await withCollection(t, store);
    const alias = `alias-${randomUUID()}`;
    await store.switchAliases({ [alias]: name });
    assert.equal((await store.aliases())[alias], name);
    await store.upsert(alias, [point("a", [1, 0, 0, 0], { n: 1 })]);
    assert.equal(await store.count(name), 1);
    assert.equal((await store.retrieve(alias, [idOf("a")])).length, 1);
    assert.equal((await store.collection(alias))?.dimension, 4);
    await store.deleteCollection(name);
    assert.equal((await store.aliases())[alias], undefined);
    await assert.rejects(store.count(alias), isRefusedAs("not_found"));
  });

  test("an alias for a collection that is not there is refused, and none of the call is moved", async (t) => {
    const store = await open(t);
    const [first, second] = [await withCollection(t, store), await withCollection(t, store)];
    const alias = `alias-${randomUUID()}`;
    await store.switchAliases({ [alias]: first });
    await assert.rejects(
      store.switchAliases({ [alias]: second, [`other-${alias}`]: `nowhere-${randomUUID()}` }),
      isRefusedAs("not_found"),
    );
    const aliases = await store.aliases();
    assert.equal(aliases[alias], first);
    assert.equal(aliases[`other-${alias}`], undefined);
  });

  test("while an alias is switched, every query is answered, from one collection or the other", async (t) => {
    const store = await open(t);
    const names = [await withCollection(t, store), await withCollection(t, store)] as const;
    const alias = `alias-${randomUUID()}`;
    for (const name of names) {
      await store.upsert(name, [point("only", [1, 0, 0, 0], { from: name })]);
    }
    await store.switchAliases({ [alias]: names[0] });
    const seen = new Set<unknown>();
    const switching = new AbortController();
    const asking = (async () => {
      while (!switching.signal.aborted) {
        const query = { vector: Float32Array.of(1, 0, 0, 0), limit: 1, with_payload: true };
        const [found] = await store.query(alias, query);
        assert.ok(names.includes(found?.payload?.["from"] as string), "an answer of neither");
        seen.add(found?.payload?.["from"]);
      }
    })();
    for (let round = 1; round <= 20 || seen.size < 2; round++) {
      await store.switchAliases({ [alias]: names[round % 2] as string });
      if (round > 2_000) break;
    }
    switching.abort();
    await asking;
    assert.equal(seen.size, 2);
  });

  test("a call that was cancelled rejects and does nothing", async (t) => {
    const store = await open(t);
    const name = await withCollection(t, store);
    const signal = AbortSignal.abort(new Error("enough"));
    const vector = Float32Array.of(1, 0, 0, 0);
    await assert.rejects(
      store.upsert(name, [point("a", [1, 0, 0, 0])], { signal }),
      isRefusedAs("timeout"),
    );
    await assert.rejects(
      store.query(name, { vector, limit: 1 }, { signal }),
      isRefusedAs("timeout"),
    );
    assert.equal(await store.count(name), 0);
  });

  test("ping tells the version", async (t) => {
    const store = await open(t);
    assert.match((await store.ping()).version, /\d/);
  });
}
