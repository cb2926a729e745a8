/** Search in events with Qdrant as the driver: the sync writes the points, and Qdrant applies the filters. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { startQdrantShim } from "../../../testing/qdrant-shim.ts";
import { until } from "../../../testing/until.ts";
import { fold } from "../../src/adapters/embeddings/embedders.ts";
import { createQdrantStore } from "../../src/adapters/vectors/qdrant/store.ts";
import { createVectorSync } from "../../src/adapters/vectors/sync/sync.ts";
import type { Route, RouteRequest } from "../../src/core/ports/route.ts";
import { createModelDirectory } from "../../src/parts/search/model-directory.ts";
import { searchRoutes } from "../../src/parts/search/routes.ts";
import { Searcher } from "../../src/parts/search/searcher.ts";
import { dropOldEvents } from "../../src/parts/stream/fill/event-retention.ts";
import { createEventStream } from "../helpers/event-stream.ts";

test("events are found in Qdrant, by meaning and by filter, and are removed there when they are dropped", async (t) => {
  const stream = await createEventStream(t);
  const { app } = stream.database;
  const shim = await startQdrantShim(t);
  const store = createQdrantStore({ url: shim.url, timeoutMs: 5_000 });
  const { notifications, shelf } = stream;
  const sync = createVectorSync({ database: app, notifications, store, verifyMs: 300 });
  const models = createModelDirectory({ database: app, notifications });
  const stop = new AbortController();
  const syncing = sync.run(stop.signal);
  t.after(async () => {
    stop.abort();
    await syncing;
    models.close();
    await store.close();
  });
  const searcher = new Searcher({ store, models, embedders: shelf, timeoutMs: 5_000 });
  const { handle } = searchRoutes({
    searcher,
    models,
    database: app,
    fold,
    eventsAreKept: true,
  }).find(({ path }) => path === "/api/events/search") as Route;
  const search = async (body: object): Promise<string[]> => {
    const request = { body, signal: stop.signal } as unknown as RouteRequest;
    const { body: found } = await handle(request);
    const { results } = found as { results: { event_id: string }[] };
    return results.map((event) => event.event_id);
  };
  await assert.rejects(search({ text: "lamp" }), /no embedder is live yet/);

  stream.start({ days: 30 });
  const line = (id: string, name: string, category: string) => ({ id, name, category });
  await stream.send([
    {
      event_id: "view",
      event_type: "product.view",
      timestamp: "2026-01-15T10:30:00Z",
      product: line("lamp", "Reading lamp", "Light"),
    },
    {
      event_id: "order",
      event_type: "purchase",
      timestamp: "2026-01-16T10:30:00Z",
      user_id: "u1",
      properties: { products: [line("cup", "Blue cup", "Kitchen"), line("vase", "Vase", "Room")] },
    },
  ]);
  await stream.settled();
  await until(
    () =>
      search({ text: "a reading lamp" }).then(
        (ids) => ids.length === 2 && ids[0] === "view",
        () => false,
      ),
    { what: "the events to be in Qdrant" },
  );
  const filtered = (filter: object) => search({ text: "lamp cup", filter });
  assert.deepEqual(await filtered({ category: ["Room", "Garden"] }), ["order"]);
  assert.deepEqual(await filtered({ product_id: ["cup"] }), ["order"]);
  assert.deepEqual(await filtered({ event_type: ["product.view"], source: ["shop"] }), ["view"]);
  assert.deepEqual(await filtered({ user_id: "u1", event_type: ["product.view"] }), []);
  assert.deepEqual(await filtered({ to: "2026-01-16T10:30:00Z" }), ["view"]);
  assert.deepEqual(await filtered({ from: "2026-01-16T10:30:00Z" }), ["order"]);

  let deleted = 0;
  const dropping = dropOldEvents(app, { oldest: Date.now() + 60_000, signal: stop.signal });
  for await (const points of dropping) deleted += points;
  assert.equal(deleted, 2);
  await until(async () => (await search({ text: "a reading lamp" })).length === 0, {
    what: "the events to be removed from Qdrant too",
  });
});
