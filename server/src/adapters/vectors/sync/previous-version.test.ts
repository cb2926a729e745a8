/**
 * Workers of the previous version run beside the migrated database for a while. These are their SQL texts, as they
 * were; they use the table `vectors.deliveries`, which is a view now.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { createTestDatabase } from "../../../../../testing/database.ts";
import { readLag } from "./lag.ts";
import { tryLockCollection } from "./lock.ts";

const lock = "select pg_try_advisory_xact_lock(hashtext('vectors.delivery:' || $1), $2) as locked";
const register = `insert into vectors.deliveries (store, collection_id, name)
             select $1, id, name from vectors.collections on conflict do nothing`;
const readPosition = `select position, epoch, sweep from vectors.deliveries
                 where store = $1 and collection_id = $2`;
const savePosition = `update vectors.deliveries set position = $5, points = points + $6,
                   delivered_at = case when $6 > 0 then clock_timestamp() else delivered_at end,
                   sweep = sweep and $7, caught_up_at = case when $7 then caught_up_at else now() end
                 where store = $1 and collection_id = $2 and epoch = $3 and position = $4
                   and ($6 > 0 or sweep or caught_up_at is null
                     or caught_up_at < now() - interval '2 seconds')`;
const reset = `update vectors.deliveries
           set position = $3, sweep = true, epoch = epoch + 1, caught_up_at = null
           where store = $1 and collection_id = $2`;
const goBack = `update vectors.deliveries set position = $4, epoch = epoch + 1, caught_up_at = null
           where store = $1 and collection_id = $2 and epoch = $3 and position <> $4`;
const readAliases = `select a.alias, c.name, d.caught_up_at::text as caught_up_at
               from vectors.aliases a join vectors.collections c on c.id = a.collection_id
               left join vectors.deliveries d on d.store = $1 and d.collection_id = c.id`;
const lag = `select d.name, d.points, d.delivered_at,
             extract(epoch from clock_timestamp() - coalesce(d.caught_up_at, d.created_at))::float8 as seconds
           from vectors.deliveries d where d.store = $1 order by d.name`;
const gone = `select d.collection_id, d.name from vectors.deliveries d
             where d.store = $1 and not exists (select from vectors.collections c where c.id = d.collection_id)`;
const reused =
  "select from vectors.deliveries where store = $1 and name = $2 and collection_id > $3";
const forget = "delete from vectors.deliveries where store = $1 and collection_id = $2";
const oldestCaughtUp =
  "select min(coalesce(caught_up_at, created_at)) as at from vectors.deliveries";

test("a worker of the previous version reads and writes the state of the sync through a view", async (t) => {
  const { app } = await createTestDatabase(t);
  const [made] = await app.query<{ id: number }>({
    text: "insert into vectors.collections (name, dimension) values ('products', 2) returning id",
  });
  const id = made?.id ?? 0;
  await app.query({ text: register, values: ["qdrant"] });
  await app.query({ text: register, values: ["qdrant"] });
  const state = async () => (await app.query({ text: readPosition, values: ["qdrant", id] }))[0];
  assert.deepEqual(await state(), { position: "1:1:", epoch: "0", sweep: false });

  await app.query({
    text: savePosition,
    values: ["qdrant", id, "0", "1:1:", "5:5:", 3, false],
  });
  const [synced] = await readLag(app, "qdrant");
  assert.equal(synced?.syncedPoints, 3);
  assert.ok(synced?.syncedAt instanceof Date);
  assert.equal((await app.query({ text: lag, values: ["qdrant"] })).length, 1);

  await app.query({ text: goBack, values: ["qdrant", id, "0", "1:1:"] });
  assert.deepEqual(await state(), { position: "1:1:", epoch: "1", sweep: false });
  await app.query({ text: reset, values: ["qdrant", id, "1:1:"] });
  assert.deepEqual(await state(), { position: "1:1:", epoch: "2", sweep: true });

  await app.query({ text: readAliases, values: ["qdrant"] });
  assert.equal((await app.query({ text: oldestCaughtUp })).length, 1);
  await app.query({ text: "select vectors.drop_collection('products')" });
  assert.deepEqual(await app.query({ text: gone, values: ["qdrant"] }), [
    { collection_id: id, name: "products" },
  ]);
  assert.deepEqual(await app.query({ text: reused, values: ["qdrant", "products", id] }), []);
  await app.query({ text: forget, values: ["qdrant", id] });
  assert.deepEqual(await readLag(app, "qdrant"), []);
});

test("a worker of the previous version and one of this version exclude each other", async (t) => {
  const { app } = await createTestDatabase(t);
  await app.transaction(async (previous) => {
    assert.deepEqual(await previous.query({ text: lock, values: ["qdrant", 7] }), [
      { locked: true },
    ]);
    await app.transaction(async (current) => {
      assert.equal(await tryLockCollection(current, "qdrant", 7), false);
      assert.equal(await tryLockCollection(current, "qdrant", 8), true);
    });
  });
});
