import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { until } from "../../../../../testing/until.ts";
import { noHistory } from "../../../../test/helpers/erasure.ts";
import { createEventStream, type EventStream } from "../../../../test/helpers/event-stream.ts";
import { uuidOfText } from "../../../core/uuid.ts";
import { createErasure } from "../../erasure/erasure.ts";
import { readErasure, requestErasure } from "../../erasure/requests.ts";
import { createLogScan } from "../../log/scan.ts";
import { collections } from "../../models/collections.ts";
import { requestRebuild } from "../../models/model-store.ts";
import { createTextEmbedder } from "../embed/embed-texts.ts";
import { dropOldEvents, oldestEvent } from "../fill/event-retention.ts";
import { fillEvents } from "../fill/fill-events.ts";

const kept = { days: 30 };
const { signal } = new AbortController();
/** How many points `dropOldEvents` deletes. */
async function drop(...options: Parameters<typeof dropOldEvents>): Promise<number> {
  let total = 0;
  for await (const deleted of dropOldEvents(...options)) total += deleted;
  return total;
}
const uuid = (n: number) => `0b0e0000-0000-7000-8000-${String(n).padStart(12, "0")}`;
const view = (n: number, change: object = {}) => ({
  event_id: uuid(n),
  event_type: "product.view",
  user_id: "u1",
  product: { id: `p${n}`, name: `Brass lamp ${n}`, category: "Light" },
  ...change,
});
const ticket = (n: number, change: object = {}) => ({
  event_id: uuid(n),
  event_type: "ticket.opened",
  user_id: "u2",
  properties: { reason: "The parcel came too late" },
  ...change,
});

test("every event is one point with the id of the event; reading it again writes nothing", async (t) => {
  const stream = await createEventStream(t);
  const { app, owner } = stream.database;
  stream.start(kept);
  const occurred = "2026-01-15T10:30:00.000Z";
  await stream.send([view(1, { timestamp: occurred }), ticket(2), ticket(3, { event_id: "t-3" })]);
  await stream.settled();
  const points = await stream.points();
  assert.deepEqual(
    points.map(({ id }) => id),
    [uuid(1), uuid(2), uuidOfText("t-3")],
  );
  const { received_at: receivedAt, ...payload } = points[0]?.payload ?? {};
  assert.deepEqual(payload, {
    event_id: uuid(1),
    event_type: "product.view",
    source: "shop",
    user_id: "u1",
    product_id: "p1",
    category: "Light",
    occurred_at: occurred,
  });
  assert.ok(Math.abs(Date.parse(String(receivedAt)) - Date.now()) < 60_000);
  assert.equal(points[2]?.payload["event_id"], "t-3", "the sender's id");
  const users = await app.query({ text: "select key, events::int from stream.users" });
  assert.deepEqual(
    users,
    [{ key: "u1", events: 1 }],
    "an event without a product adds no interest",
  );

  await owner.query({
    text: "update log.readers set position = '1:1:', since = '-infinity' where name = 'stream'",
  });
  await stream.settled();
  assert.deepEqual(await stream.points(), points);
});

test("two services may use the same event id: both are points, also after a rebuild", async (t) => {
  const stream = await createEventStream(t);
  stream.start(kept);
  await stream.send([ticket(1), ticket(2)], 1);
  await stream.settled();
  await stream.send([ticket(1), ticket(3)], 2);
  await stream.settled();
  const before = await stream.points();
  const named = before.map(({ id, payload }) => [id, payload["event_id"], payload["source"]]);
  assert.deepEqual(named, [
    [uuidOfText(`2/${uuid(1)}`), uuid(1), "desk"],
    [uuid(1), uuid(1), "shop"],
    [uuid(2), uuid(2), "shop"],
    [uuid(3), uuid(3), "desk"],
  ]);
  await requestRebuild(stream.database.app);
  await stream.settled();
  assert.deepEqual(await stream.points(), before);
});

test("an event whose text the embedder refuses is the only dead letter, and becomes a point when it is replayed", async (t) => {
  const stream = await createEventStream(t, { refuse: (text) => text.includes("POISON") });
  const { app } = stream.database;
  stream.start(kept);
  const poison = ticket(2, { properties: { reason: "POISON" } });
  await stream.send([ticket(1), poison, view(3), ticket(4)]);
  await stream.settled();
  const ids = async () => (await stream.points()).map(({ payload }) => payload["event_id"]);
  assert.deepEqual(await ids(), [uuid(1), uuid(3), uuid(4)]);
  const [deadLetter, ...more] = await app.query<{
    reason: string;
    source: unknown;
    original: Buffer;
  }>({
    text: "select reason, source, original from dlq.letters",
  });
  assert.ok(deadLetter?.reason === "embedding_refused" && more.length === 0);
  const edited = Buffer.from(
    deadLetter.original.toString().replace("POISON", "The parcel is open"),
  );
  const replay = () =>
    app.transaction((connection) => stream.replayer.replay(connection, { ...deadLetter, edited }));
  assert.deepEqual(await replay(), { ok: true });
  assert.deepEqual(await replay(), { ok: true });
  assert.deepEqual(await ids(), [uuid(1), uuid(2), uuid(3), uuid(4)]);
});

test("enabled later, the collection is filled from the log; disabled, it is removed", async (t) => {
  const stream = await createEventStream(t);
  const { app } = stream.database;
  stream.start(undefined);
  await stream.send(Array.from({ length: 1_200 }, (_, n) => ticket(n)));
  await stream.settled();
  assert.deepEqual(await stream.points(), []);
  const [off] = await app.query<{ n: number }>({
    text: "select count(*)::int as n from vectors.points",
  });
  assert.equal(off?.n, 0, "nothing is embedded while it is disabled");
  await stream.stop();

  stream.start(kept);
  await until(() => stream.models.some(({ what }) => what === "events filled"), {
    what: "the events to be filled",
  });
  await stream.send([ticket(5_000)]);
  await stream.settled();
  assert.equal((await stream.points()).length, 1_201);
  await stream.stop();

  stream.start(undefined);
  const left = () =>
    app.query({ text: "select from vectors.collections where name like 'events%'" });
  await until(async () => (await left()).length === 0, { what: "the collection to be removed" });
  const [none] = await app.query<{ n: number }>({
    text: "select count(*)::int as n from vectors.points",
  });
  assert.equal(none?.n, 0);
});

test("a new model has the events of the old one when it goes live", async (t) => {
  const stream = await createEventStream(t);
  stream.start(kept);
  await stream.send(Array.from({ length: 60 }, (_, n) => ticket(10_000 + n)));
  await stream.send(Array.from({ length: 220 }, (_, n) => view(n)));
  await stream.settled();
  const first = stream.models[0]?.modelId;
  await until(
    () => stream.models.some(({ what, modelId }) => what === "live" && modelId !== first),
    { what: "the fitted model to go live", timeoutMs: 30_000 },
  );
  const [live] = await stream.database.app.query<{ id: string }>({
    text: `select m.model_id as id from vectors.aliases a
           join vectors.model_collections m on m.collection_id = a.collection_id where a.alias = 'events'`,
  });
  assert.notEqual(live?.id, first);
  assert.equal((await stream.points()).length, 280);
});

test("points of events are deleted with their day of the log, or earlier if so configured", async (t) => {
  const stream = await createEventStream(t);
  const { app, owner } = stream.database;
  stream.start(kept);
  await stream.send([view(1), ticket(2)]);
  await stream.settled();
  await stream.stop();
  const now = Date.now();
  const day = 86_400_000;
  const midnight = Math.floor(now / day) * day;
  assert.equal(await oldestEvent(app, 30), midnight, "the log's first day");
  await owner.query({ text: "select raw.ensure_partition(current_date - 9)" });
  const earliest = await oldestEvent(app, 3);
  assert.ok(earliest > now - 4 * day && earliest <= Date.now() - 3 * day, `${earliest}`);
  await owner.query({ text: "update clock.state set trusted = trusted - interval '2 days'" });
  assert.equal(await oldestEvent(app, 3), earliest - 2 * day, "a clock ahead of trusted time");
  await owner.query({ text: "update clock.state set trusted = trusted + interval '2 days'" });
  assert.equal(await drop(app, { oldest: midnight, signal }), 0);
  assert.equal((await stream.points()).length, 2);

  await owner.query({
    text: "select raw.drop_partitions($1)",
    values: [new Date(midnight + day)],
  });
  const oldest = await oldestEvent(app, 30);
  assert.equal(oldest, midnight + day);
  assert.equal(await drop(app, { oldest, signal }), 2);
  assert.deepEqual(await stream.points(), []);
  const products = await app.query({
    text: "select from vectors.points where payload ? 'product_id'",
  });
  assert.equal(products.length, 1, "the product's point is kept");
});

test("stored vectors of events' texts are kept as long as events' points, those of products longer", async (t) => {
  const { app } = (await createEventStream(t)).database;
  const vector = Float32Array.of(1, 0);
  const embedder = {
    modelId: "m",
    dimension: 2,
    worthKeeping: true,
    embed: async (texts: readonly string[]) => texts.map(() => vector),
    close: async () => {},
  };
  for (const texts of ["products", "events"] as const) {
    const hash = texts === "products" ? "aa" : "bb";
    await createTextEmbedder(app, embedder, { texts }).embed(new Map([[hash, texts]]), signal);
  }
  const hashes = () =>
    app.query({
      text: "select encode(content_hash, 'hex') as h from stream.embeddings order by 1",
    });
  await drop(app, { oldest: Date.now() - 86_400_000, signal });
  assert.deepEqual(await hashes(), [{ h: "aa" }, { h: "bb" }]);
  await drop(app, { oldest: Date.now() + 2 * 86_400_000, signal });
  assert.deepEqual(await hashes(), [{ h: "aa" }]);
});

/** The part erasure; returns a function that erases the user `to-forget` and waits for the certificate. */
function startErasure(t: TestContext, { database, notifications }: EventStream) {
  const stop = new AbortController();
  const erasure = createErasure({
    database: database.owner,
    notifications,
    history: noHistory,
  });
  const running = erasure.run(stop.signal);
  t.after(async () => {
    stop.abort();
    await running;
  });
  return async () => {
    const { id } = await requestErasure(database.app, {
      userKey: "to-forget",
      requestedBy: "test",
      afterRequest: "block",
    });
    return until(
      async () => {
        const found = await readErasure(database.app, id);
        return found.state === "done" ? found : undefined;
      },
      { what: "the certificate" },
    );
  };
}

test("an erased user's events are gone, also when a model is being filled", async (t) => {
  const stream = await createEventStream(t);
  const { app } = stream.database;
  const erase = startErasure(t, stream);
  stream.start(kept);
  await stream.send([view(1), ticket(2), view(3, { user_id: "to-forget" })]);
  await stream.send([ticket(4, { user_id: "to-forget" })]);
  await stream.settled();
  const [model] = await collections.read(app);
  assert.ok(model?.collections.events !== undefined);
  const embedder = createTextEmbedder(app, await stream.shelf.open(model.modelId));
  let points = 0;
  const pages = fillEvents({
    database: app,
    log: createLogScan(app),
    collections,
    model,
    oldest: 0,
    embedder: {
      async embed(texts, aborted) {
        assert.equal(texts.size, 3, "it has read the user's events, and now they are erased");
        points = (await erase()).erased.points;
        return embedder.embed(texts, aborted);
      },
    },
    signal,
  });
  for await (const _page of pages);
  assert.equal(points, 2);
  assert.deepEqual(
    (await stream.points()).map(({ payload }) => payload["event_id"]),
    [uuid(1), uuid(2)],
  );
});

test("erasure waits for points that are being written", async (t) => {
  const stream = await createEventStream(t);
  const { app, owner } = stream.database;
  const erase = startErasure(t, stream);
  stream.start(kept);
  await stream.send([view(1)]);
  await stream.settled();
  const [model] = await collections.read(app);
  let certificate: ReturnType<typeof erase> | undefined;
  await app.transaction(async (connection) => {
    await collections.lock(connection);
    await connection.query({
      text: `select vectors.put_points($1, array[$2::uuid], array[(select vector from vectors.points where id = $3)],
               array['{"event_id": "late", "user_id": "to-forget"}'::jsonb])`,
      values: [model?.collections.events, uuid(2), uuid(1)],
    });
    certificate = erase();
    const waits = () =>
      owner.query({
        text: "select from pg_locks where locktype = 'advisory' and not granted and mode = 'ExclusiveLock'",
      });
    await until(async () => (await waits()).length > 0, { what: "the erasure to wait" });
  });
  assert.equal((await certificate)?.erased.points, 1);
  assert.equal((await stream.points()).length, 1);
});
