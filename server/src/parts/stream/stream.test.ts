import assert from "node:assert/strict";
import { test } from "node:test";
import { type CleanUp, createTestDatabase } from "../../../../testing/database.ts";
import { until } from "../../../../testing/until.ts";
import { createTestStream, type TestStream } from "../../../test/helpers/stream.ts";
import { uuidOfText } from "../../core/uuid.ts";
import { purgeTombstones } from "../models/remove-models.ts";
import { createReplayer } from "./dead-letters.ts";

async function startStream(
  t: CleanUp,
  options: { readonly workers?: number; readonly refuse?: (text: string) => boolean } = {},
): Promise<TestStream> {
  const database = await createTestDatabase(t);
  await database.owner.query({ text: "select raw.prepare_days(1)" });
  await database.owner.query({
    text: "insert into etl.event_type_actions values ('product.view', 1), ('cart.add', 2), ('purchase', 3)",
  });
  const stream = createTestStream(t, database, options);
  stream.start({ workers: options.workers ?? 1 });
  return stream;
}

let numbered = 0;
function event(change: Record<string, unknown> = {}): Record<string, unknown> {
  return {
    event_id: `e${++numbered}`,
    event_type: "product.view",
    user_id: "u1",
    product: { id: "mug-red", name: "Red mug", category: "Kitchen", price: 4.5, currency: "EUR" },
    ...change,
  };
}

test("events become a product with its point, and their user's interest; a text is embedded once", async (t) => {
  const running = await startStream(t);
  const { database, asked } = running;
  await running.send(Array.from({ length: 50 }, () => event()));
  await running.send([event({ event_type: "purchase" }), event({ product: { id: "mug-red" } })]);
  await running.settled();

  const [product] = await database.app.query<Record<string, unknown>>({
    text: "select key, name, counts, views::int, purchases::int from stream.products",
  });
  assert.deepEqual(product, {
    key: "mug-red",
    name: "Red mug",
    counts: { "product.view": 51, purchase: 1 },
    views: 51,
    purchases: 1,
  });
  const points = await database.app.query<{
    collection: string;
    id: string;
    payload: { counts?: unknown };
  }>({
    text: `select split_part(c.name, '_', 1) as collection, p.id, p.payload
           from vectors.points p join vectors.collections c on c.id = p.collection_id order by 1`,
  });
  assert.deepEqual(
    points.map(({ collection, id }) => [collection, id]),
    [
      ["products", uuidOfText("mug-red")],
      ["users", uuidOfText("u1")],
    ],
  );
  assert.deepEqual(points[0]?.payload.counts, { "product.view": 51, purchase: 1 });
  assert.deepEqual(asked, ["Red mug. Kitchen"]);
});

test("a new text of a product is a new vector; an older text that arrives late changes nothing", async (t) => {
  const running = await startStream(t);
  const vector = async () => {
    await running.settled();
    const [row] = await running.database.app.query<{ vector: Buffer; name: string }>({
      text: `select p.vector, p.payload ->> 'name' as name from vectors.points p
             join vectors.collections c on c.id = p.collection_id where c.name like 'products%'`,
    });
    return row;
  };
  await running.send([event()]);
  const before = await vector();
  await running.send([event({ product: { id: "mug-red", name: "Blue bowl" } })]);
  const after = await vector();
  assert.equal(after?.name, "Blue bowl");
  assert.ok(after !== undefined && before !== undefined && !after.vector.equals(before.vector));
  const late = new Date(Date.now() - 3_600_000).toISOString();
  await running.send([event({ timestamp: late, product: { id: "mug-red", name: "Old name" } })]);
  assert.deepEqual(await vector(), after);
});

test("a text that the embedder refuses is a dead letter, and its neighbours are not", async (t) => {
  const running = await startStream(t, { refuse: (text) => text.includes("POISON") });
  const named = (id: string, name: string) => event({ product: { id, name } });
  await running.send([
    ...Array.from({ length: 9 }, (_, n) => named(`good-${n}`, `Good ${n}`)),
    named("bad", "POISON"),
    named("good-9", "Good 9"),
  ]);
  await running.settled();
  const products = await running.database.app.query<{ key: string }>({
    text: "select key from stream.products order by key",
  });
  assert.equal(products.length, 10);
  const deadLetters = await running.database.app.query<{
    reason: string;
    error: string;
    original: Buffer;
  }>({
    text: "select reason, error, original from dlq.letters",
  });
  assert.equal(deadLetters.length, 1);
  assert.equal(deadLetters[0]?.reason, "embedding_refused");
  assert.match(deadLetters[0]?.error ?? "", /does not like/);
  assert.match(deadLetters[0]?.original.toString() ?? "", /POISON/);
});

test("a replayed dead letter counts for the product, user and action of its edited payload", async (t) => {
  const running = await startStream(t, { refuse: (text) => text.includes("POISON") });
  const { app } = running.database;
  await running.send([event({ product: { id: "bad", name: "POISON" } })]);
  await running.settled();
  const [deadLetter] = await app.query<{ source: unknown; original: Buffer }>({
    text: "select source, original from dlq.letters",
  });
  assert.ok(deadLetter !== undefined);
  const edited = Buffer.from(
    deadLetter.original
      .toString()
      .replace('"bad"', '"good"')
      .replace("POISON", "Green mug")
      .replace('"u1"', '"u2"')
      .replace("product.view", "purchase"),
  );
  const replay = (bytes: Buffer) =>
    app.transaction((connection) =>
      createReplayer(running.processor).replay(connection, { ...deadLetter, edited: bytes }),
    );
  assert.deepEqual(await replay(edited), { ok: true });
  const products = await app.query({
    text: "select key, name, purchases::int, views::int from stream.products",
  });
  assert.deepEqual(products, [{ key: "good", name: "Green mug", purchases: 1, views: 0 }]);
  assert.deepEqual(await app.query({ text: "select key from stream.users" }), [{ key: "u2" }]);
  const broken = await replay(Buffer.from("[]"));
  assert.equal(broken.ok === false && broken.reason, "unreadable");
});

test("tombstones are purged after a week, and not before the external store has deleted the points", async (t) => {
  const { app } = await createTestDatabase(t);
  await app.query({
    text: `with made as (insert into vectors.collections (name, dimension) values ('c', 2) returning id)
           insert into vectors.points (collection_id, id, vector, deleted_at)
           select id, gen_random_uuid(), null, now() - days * interval '1 day' from made, unnest(array[1, 8, 20]) days`,
  });
  await app.query({
    text: `insert into vectors.sync_state (store, collection_id, name, caught_up_at)
           select 'qdrant', id, 'c', now() - interval '10 days' from vectors.collections`,
  });
  const week = 7 * 86_400_000;
  assert.equal(await purgeTombstones(app, week), 1, "only the one that was synced");
  await app.query({ text: "update vectors.sync_state set caught_up_at = now()" });
  assert.equal(await purgeTombstones(app, week), 1);
  const [left] = await app.query<{ n: number }>({
    text: "select count(*)::int as n from vectors.points",
  });
  assert.equal(left?.n, 1);
});

test("a corpus that has grown gets a fitted model, filled and live, and the old one is dropped", async (t) => {
  const running = await startStream(t, { workers: 2 });
  const words = ["red", "blue", "green", "large", "small", "mug", "bowl", "plate", "lamp", "chair"];
  const word = (n: number) => words[n % words.length];
  await running.send(
    Array.from({ length: 260 }, (_, n) =>
      event({
        user_id: `u${n % 7}`,
        product: { id: `p${n}`, name: `${word(n)} ${word(Math.floor(n / 10))} number ${n}` },
      }),
    ),
  );
  await until(
    () =>
      running.models.some(
        ({ what, modelId }) => what === "live" && modelId !== running.models[0]?.modelId,
      ),
    {
      what: "the fitted model to go live",
      timeoutMs: 30_000,
    },
  );
  await running.settled();
  const counts = await running.database.app.query<{
    purpose: string;
    points: number;
    state: string;
  }>({
    text: `select mc.purpose, m.state, count(p.id)::int as points
           from vectors.aliases a join vectors.model_collections mc on mc.collection_id = a.collection_id
           join vectors.models m on m.id = mc.model_id
           join vectors.points p on p.collection_id = a.collection_id group by 1, 2 order by 1`,
  });
  assert.deepEqual(counts, [
    { purpose: "products", points: 260, state: "live" },
    { purpose: "users", points: 7, state: "live" },
  ]);
});
