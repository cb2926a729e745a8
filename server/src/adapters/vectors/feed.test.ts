import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { type TestContext, test } from "node:test";
import { createTestDatabase, type TestDatabase } from "../../../../testing/database.ts";
import { until } from "../../../../testing/until.ts";
import type { Queryable } from "../../core/ports/database.ts";
import {
  currentPosition,
  FeedGapError,
  firstPosition,
  type PointChange,
  readChanges,
} from "./feed.ts";

async function prepare(t: TestContext): Promise<{ database: TestDatabase; collectionId: number }> {
  const database = await createTestDatabase(t);
  const [row] = await database.app.query<{ id: number }>({
    text: "insert into vectors.collections (name, dimension) values ('c', 2) returning id",
  });
  return { database, collectionId: row?.id ?? 0 };
}

const bytes = (...values: number[]): Buffer => Buffer.from(new Float32Array(values).buffer);

async function put(
  database: Queryable,
  collectionId: number,
  points: readonly { id: string; vector?: Buffer; payload?: object }[],
): Promise<string[]> {
  const [row] = await database.query<{ left_out: string }>({
    text: "select vectors.put_points($1, $2::uuid[], $3::bytea[], $4::jsonb[])::text as left_out",
    values: [
      collectionId,
      points.map(({ id }) => id),
      points.map(({ vector }) => vector ?? null),
      points.map(({ payload }) => JSON.stringify(payload ?? {})),
    ],
  });
  return (row?.left_out ?? "").replace(/[{}]/g, "").split(",").filter(Boolean);
}

const incarnationOf = async (database: Queryable) => (await currentPosition(database)).incarnation;
const positionNow = async (database: Queryable) => (await currentPosition(database)).position;

/** Everything from `position` on, in pages of `limit`; the last state of each point. */
async function drain(
  database: Queryable,
  from: { collectionId: number; position: string; limit?: number },
): Promise<{ changes: PointChange[]; position: string }> {
  const changes: PointChange[] = [];
  let { position } = from;
  const incarnation = await incarnationOf(database);
  for (;;) {
    const page = await readChanges(database, { ...from, position, incarnation });
    changes.push(...page.changes);
    position = page.position;
    if (!page.more) return { changes, position };
  }
}

test("a transaction that commits late is not lost, and delays no reader", async (t) => {
  const { database, collectionId } = await prepare(t);
  const [slow, quick] = [randomUUID(), randomUUID()];
  let position = firstPosition;
  await database.app.transaction(async (connection) => {
    await put(connection, collectionId, [{ id: slow, vector: bytes(1, 0) }]);
    await put(database.app, collectionId, [{ id: quick, vector: bytes(0, 1) }]);
    const page = await drain(database.app, { collectionId, position });
    assert.deepEqual(
      page.changes.map(({ id }) => id),
      [quick],
    );
    position = page.position;
  });
  const after = await drain(database.app, { collectionId, position });
  assert.deepEqual(
    after.changes.map(({ id }) => id),
    [slow],
  );
  const { changes } = await drain(database.app, { collectionId, position: after.position });
  assert.deepEqual(changes, []);
});

test("pages are bounded within one transaction, and changes between pages are not lost", async (t) => {
  const { database, collectionId } = await prepare(t);
  const ids = Array.from({ length: 25 }, () => randomUUID()).sort();
  await put(
    database.app,
    collectionId,
    ids.map((id) => ({ id, vector: bytes(1, 0) })),
  );
  const seen = new Map<string, PointChange>();
  let position = firstPosition;
  for (let pages = 1, more = true; more; pages++) {
    const page = await readChanges(database.app, {
      collectionId,
      position,
      incarnation: await incarnationOf(database.app),
      limit: 10,
    });
    assert.ok(page.changes.length <= 10);
    for (const change of page.changes) seen.set(change.id, { ...seen.get(change.id), ...change });
    ({ position, more } = page);
    // the last of them changes while it is still to come
    if (pages === 1) {
      await put(database.app, collectionId, [{ id: ids.at(-1) ?? "", payload: { at: pages } }]);
    }
  }
  assert.equal(seen.size, 24, "the one that changed belongs to the next step");
  const { changes } = await drain(database.app, { collectionId, position, limit: 10 });
  // its vector is older than the step's end, but the reader has not seen it
  assert.deepEqual(changes, [
    { id: ids.at(-1), vector: new Float32Array([1, 0]), payload: { at: 1 }, deleted: false },
  ]);
});

test("the vector comes when it is new to the reader, and not when only the payload changed", async (t) => {
  const { database, collectionId } = await prepare(t);
  const id = randomUUID();
  await put(database.app, collectionId, [{ id, vector: bytes(1, 0), payload: { a: 1 } }]);
  const first = await drain(database.app, { collectionId, position: firstPosition });
  assert.deepEqual([...(first.changes[0]?.vector ?? [])], [1, 0]);
  await put(database.app, collectionId, [{ id, payload: { a: 2 } }]);
  const second = await drain(database.app, { collectionId, position: first.position });
  assert.deepEqual(second.changes, [{ id, payload: { a: 2 }, deleted: false }]);
  const both = await drain(database.app, { collectionId, position: firstPosition });
  assert.deepEqual([...(both.changes[0]?.vector ?? [])], [1, 0]);
});

test("putting the same again is silent; what has no vector and is not there is left out", async (t) => {
  const { database, collectionId } = await prepare(t);
  const [id, absent] = [randomUUID(), randomUUID()];
  const point = { id, vector: bytes(1, 0), payload: { a: 1 } };
  assert.deepEqual(await put(database.app, collectionId, [{ id: absent }, point]), [absent]);
  const position = await positionNow(database.app);
  await put(database.app, collectionId, [point]);
  await put(database.app, collectionId, [{ id, payload: { a: 1 } }]);
  assert.deepEqual((await drain(database.app, { collectionId, position })).changes, []);
  // of an id given twice the last point is kept
  await put(database.app, collectionId, [point, { ...point, payload: { a: 3 } }]);
  const { changes } = await drain(database.app, { collectionId, position });
  assert.deepEqual(changes, [{ id, payload: { a: 3 }, deleted: false }]);
});

test("a deletion is heard of, a point may come back, and cleaning up breaks only who is behind it", async (t) => {
  const { database, collectionId } = await prepare(t);
  const [gone, back] = [randomUUID(), randomUUID()];
  await put(database.app, collectionId, [
    { id: gone, vector: bytes(1, 0) },
    { id: back, vector: bytes(1, 0), payload: { a: 1 } },
  ]);
  const before = await positionNow(database.app);
  const remove = { text: "select vectors.delete_points($1, $2::uuid[])" };
  await database.app.query({ ...remove, values: [collectionId, [gone, back]] });
  assert.deepEqual(await put(database.app, collectionId, [{ id: gone }]), [gone]);
  await put(database.app, collectionId, [{ id: back, vector: bytes(1, 0) }]);
  const { changes } = await drain(database.app, { collectionId, position: before });
  assert.deepEqual(
    new Map(changes.map(({ id, deleted, vector }) => [id, [deleted, vector?.[0]]])),
    new Map([
      [gone, [true, undefined]],
      [back, [false, 1]],
    ]),
  );
  // one that surely has read them: transactions of other databases of the server count as well
  const position = await until(
    async () => {
      const now = await positionNow(database.app);
      const [row] = await database.app.query<{ behind: boolean }>({
        text: "select max(changed) >= pg_snapshot_xmin($1::pg_snapshot) as behind from vectors.points",
        values: [now.split("/")[0]],
      });
      return row?.behind === false ? now : undefined;
    },
    { what: "all previous transactions to end" },
  );
  await database.app.query({ text: "select vectors.purge_tombstones('0 seconds')" });
  await drain(database.app, { collectionId, position });
  await assert.rejects(drain(database.app, { collectionId, position: before }), FeedGapError);
  const all = await drain(database.app, { collectionId, position: firstPosition, limit: 1 });
  assert.deepEqual(
    all.changes.map(({ id }) => id),
    [back],
  );
});

test("after cleaning up, a new position is good and one from before is not, though an older transaction runs", async (t) => {
  const { database, collectionId } = await prepare(t);
  const [gone, later] = [randomUUID(), randomUUID()];
  await put(database.app, collectionId, [{ id: gone, vector: bytes(1, 0) }]);
  const before = await positionNow(database.app);
  await database.app.transaction(async (older) => {
    await older.query({ text: "select pg_current_xact_id()" });
    await database.app.query({
      text: "select vectors.delete_points($1, $2::uuid[])",
      values: [collectionId, [gone]],
    });
    await database.owner.query({ text: "select vectors.purge_tombstones('0 seconds')" });
    await assert.rejects(drain(database.app, { collectionId, position: before }), FeedGapError);
    const position = await positionNow(database.app);
    assert.deepEqual((await drain(database.app, { collectionId, position })).changes, []);
    await put(database.app, collectionId, [{ id: later, vector: bytes(1, 0) }]);
    const { changes } = await drain(database.app, { collectionId, position });
    assert.deepEqual(
      changes.map(({ id }) => id),
      [later],
    );
  });
  await assert.rejects(drain(database.app, { collectionId, position: before }), FeedGapError);
});

test("a position of another database is refused, and points of a restored one are repaired", async (t) => {
  const { database, collectionId } = await prepare(t);
  await put(database.app, collectionId, [{ id: randomUUID(), vector: bytes(1, 0) }]);
  await assert.rejects(
    drain(database.app, { collectionId, position: "9000000:9000000:" }),
    FeedGapError,
  );
  const repair = { text: "select vectors.mend_feed($1) as repaired", values: [collectionId] };
  assert.deepEqual(await database.app.query(repair), [{ repaired: false }]);
  await database.app.query({ text: "update vectors.points set changed = '9000000'" });
  const position = await positionNow(database.app);
  assert.deepEqual((await drain(database.app, { collectionId, position })).changes, []);
  assert.deepEqual(await database.app.query(repair), [{ repaired: true }]);
  await assert.rejects(drain(database.app, { collectionId, position }), FeedGapError);
  const all = await drain(database.app, { collectionId, position: firstPosition });
  assert.equal(all.changes.length, 1);
  // all of its points were deleted and cleaned up before the dump
  await database.app.query({ text: "delete from vectors.points" });
  await database.app.query({
    text: "update vectors.collections set purged = '9000000', purged_by = '9000001'",
  });
  assert.deepEqual(await database.app.query(repair), [{ repaired: true }]);
  const empty = await positionNow(database.app);
  assert.deepEqual((await drain(database.app, { collectionId, position: empty })).changes, []);
});

test("a position of another incarnation of the server is refused; from the first position nothing is missed", async (t) => {
  const { database, collectionId } = await prepare(t);
  await put(database.app, collectionId, [{ id: randomUUID(), vector: bytes(1, 0) }]);
  const { position, incarnation } = await currentPosition(database.app);
  const request = { collectionId, position };
  await readChanges(database.app, { ...request, incarnation });
  // as a crash does: PostgreSQL empties unlogged tables
  await database.owner.query({ text: "delete from log.current_incarnation" });
  await assert.rejects(readChanges(database.app, { ...request, incarnation }), FeedGapError);
  await assert.rejects(readChanges(database.app, request), FeedGapError);
  const all = await readChanges(database.app, { collectionId, position: firstPosition });
  assert.equal(all.changes.length, 1);
  assert.notEqual(all.incarnation, incarnation);
});
