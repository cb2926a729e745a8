import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { createTestDatabase } from "../../../../testing/database.ts";
import { until } from "../../../../testing/until.ts";
import { coldStartModel, fold } from "../../adapters/embeddings/embedders.ts";
import { asWeirError, problemAnswer } from "../../adapters/http/problems.ts";
import { openNotifications } from "../../adapters/postgres/notifications.ts";
import { createEmbeddedStore } from "../../adapters/vectors/embedded/store.ts";
import { openEmbedderShelf } from "../../compose/embedders.ts";
import { formats } from "../../core/event/record.ts";
import type { StoredEvent } from "../../core/ports/log.ts";
import { collections } from "../models/collections.ts";
import { addModel } from "../models/model-store.ts";
import { createRefresh } from "../stream/points/refresh.ts";
import { takeSteps } from "../stream/steps/steps.ts";
import { createProcessor } from "../stream/write/processor.ts";
import { createModelDirectory } from "./model-directory.ts";
import { searchRoutes } from "./routes.ts";
import { Searcher } from "./searcher.ts";

const products = [
  { id: "mug-red", name: "Red coffee mug", category: "Kitchen", price: 5, currency: "EUR" },
  { id: "mug-blue", name: "Blue coffee mug", category: "Kitchen", price: 15, currency: "EUR" },
  { id: "mug-gift", name: "Coffee mug as a gift", category: "Gifts", price: 25, currency: "EUR" },
  { id: "lamp", name: "Reading lamp of brass", category: "Light", price: 60, currency: "EUR" },
  { id: "candle", name: "Candle", category: "Light", price: null, currency: null },
];
const actions = { "product.view": 1, "cart.add": 2, purchase: 3 } as const;

async function startSearch(t: TestContext) {
  const database = await createTestDatabase(t);
  const { app } = database;
  const folder = await mkdtemp(join(tmpdir(), "weir-search-"));
  const notifications = openNotifications({ url: database.urls.app, applicationName: "test" });
  const shelf = openEmbedderShelf(app);
  const store = createEmbeddedStore({
    database: app,
    notifications,
    cacheFolder: folder,
    memoryLimitBytes: 64 * 1024 * 1024,
  });
  const models = createModelDirectory({ database: app, notifications });
  t.after(async () => {
    models.close();
    await Promise.all([store.close(), shelf.close(), notifications.close()]);
    await rm(folder, { recursive: true, force: true });
  });
  const searcher = new Searcher({ store, models, embedders: shelf, timeoutMs: 10_000 });
  const routes = searchRoutes({ searcher, models, database: app, fold, eventsAreKept: false });

  async function call(path: string, about: { id?: string; query?: object; body?: unknown }) {
    const route = routes.find((found) => found.path === path);
    assert.ok(route !== undefined);
    try {
      const { status, body } = await route.handle({
        params: about.id === undefined ? {} : { id: about.id },
        query: (about.query ?? {}) as Record<string, string>,
        headers: {},
        body: about.body,
        principal: undefined,
        ip: "127.0.0.1",
        requestId: "test",
        signal: new AbortController().signal,
        // biome-ignore lint/suspicious/noExplicitAny: a request without a principal
      } as any);
      // biome-ignore lint/suspicious/noExplicitAny: answers of several forms
      return { status, body: body as any };
    } catch (error) {
      const answer = problemAnswer(asWeirError(error));
      return { status: answer.status, body: JSON.parse(answer.body) };
    }
  }

  /** Lets the stream process events of these users: [user, type, product]. */
  async function happened(events: readonly (readonly [string, keyof typeof actions, string])[]) {
    await addModel(
      app,
      {
        ...coldStartModel(new Date(0)),
        kind: "random-projection",
        settings: {},
        automatic: true,
        corpusTexts: 0,
        wanted: true,
      },
      ["products", "users"],
    );
    const processor = createProcessor({
      database: app,
      collections,
      embedders: shelf,
      interest: () => ({ view: 1, cart: 3, purchase: 5, halfLifeMs: 14 * 86_400_000 }),
      fold,
    });
    const logged = events.map(
      ([userKey, eventType, id], n): StoredEvent => ({
        serviceId: 1,
        eventId: `0b0e0000-0000-7000-8000-${String(n).padStart(12, "0")}`,
        receivedAt: "2026-01-01 00:00:00+00",
        receivedAtMs: 0,
        format: formats.native,
        occurredAt: Date.now(),
        eventType,
        action: actions[eventType],
        userKey,
        productKey: id,
        items: null,
        payload: JSON.stringify({ product: products.find((product) => product.id === id) }),
      }),
    );
    const taken = logged
      .map((event) => takeSteps(event))
      .flatMap((step) => (step.kind === "ok" ? [step.value] : []));
    assert.equal(taken.length, events.length);
    const stop = new AbortController();
    await processor.process(taken, async () => true, stop.signal);
    const refresh = createRefresh({ database: app, collections, intervalMs: 10 });
    const running = refresh.run(stop.signal);
    const fresh = () => app.query({ text: "select from stream.stale limit 1" });
    await until(async () => (await fresh()).length === 0, { what: "the points to be written" });
    stop.abort();
    await running;
  }
  return { call, happened };
}

const ids = (found: { body: { results: { product_id: string }[] } }) =>
  found.body.results.map((product) => product.product_id);
const views = products.map(({ id }) => ["another-user", "product.view", id] as const);

test("without any model every request gets 503 and a time to retry", async (t) => {
  const { call } = await startSearch(t);
  for (const [path, about] of [
    ["/api/search", { body: { text: "mug" } }],
    ["/api/products/:id/similar", { id: "mug-red" }],
    ["/api/users/:id/recommendations", { id: "u1" }],
  ] as const) {
    const { status, body } = await call(path, about);
    assert.equal(status, 503, path);
    assert.match(body.detail, /no embedder is live yet/);
  }
});

test("similar products, search with filters, and hybrid search", async (t) => {
  const { call, happened } = await startSearch(t);
  await happened(views);
  const similar = await call("/api/products/:id/similar", { id: "mug-red", query: { limit: 2 } });
  assert.deepEqual(ids(similar).sort(), ["mug-blue", "mug-gift"]);
  assert.equal(similar.body.product.name, "Red coffee mug");
  assert.equal(similar.body.source.model.kind, "random-projection");
  assert.equal(similar.body.source.index.points, 5);
  const unknown = await call("/api/products/:id/similar", { id: "nothing" });
  assert.equal(unknown.status, 404);
  assert.match(unknown.body.detail, /no product "nothing" is known/);

  const search = async (question: object) => ids(await call("/api/search", { body: question }));
  assert.equal((await search({ text: "reding lamp" }))[0], "lamp");
  assert.deepEqual(
    (
      await search({ text: "coffee mug", filter: { category: ["Kitchen"], price: { gte: 10 } } })
    ).sort(),
    ["mug-blue"],
  );
  assert.deepEqual(await search({ text: "mug", filter: { currency: "usd" } }), []);
  const hybrid = await search({ text: "brass", hybrid: true, filter: { price: { lte: 100 } } });
  assert.equal(hybrid[0], "lamp");
  assert.deepEqual(await search({ text: "brass", hybrid: true, filter: { price: { lte: 10 } } }), [
    "mug-red",
  ]);
  // no product contains one of these words
  const forms = await search({ text: "Lambalar, lamps!", hybrid: true });
  assert.equal(forms[0], "lamp");
  // a category alone does not filter by price
  const lights = { id: "mug-red", query: { category: "Light" } };
  const similarLights = await call("/api/products/:id/similar", lights);
  assert.deepEqual(ids(similarLights).sort(), ["candle", "lamp"]);
  const unbounded = { text: "mug", filter: { category: ["Light"], price: {} } };
  assert.deepEqual((await search(unbounded)).sort(), ["candle", "lamp"]);
  const inverted = { price_gte: 20, price_lte: 10 };
  const price = { gte: 20, lte: 10 };
  for (const [refused, status] of [
    [await call("/api/products/:id/similar", { id: "lamp", query: inverted }), 422],
    [await call("/api/users/:id/recommendations", { id: "nobody", query: inverted }), 422],
    [await call("/api/search", { body: { text: "mug", filter: { price } } }), 422],
  ] as const) {
    assert.equal(refused.status, status);
    assert.match(refused.body.detail, /gte: 20.*above.*lte: 10/);
  }
  const other = await call("/api/search", { body: { text: "mug", model: "none" } });
  assert.equal(other.status, 422);
  assert.match(other.body.detail, /there is no filled model "none"; filled models: /);
});

test("recommendations follow the interest, without bought products; an unknown user gets popular ones", async (t) => {
  const { call, happened } = await startSearch(t);
  await happened([
    ...views,
    ["buyer", "purchase", "mug-red"],
    ["other", "purchase", "lamp"],
    ["third", "purchase", "lamp"],
  ]);
  const known = await call("/api/users/:id/recommendations", { id: "buyer" });
  assert.equal(known.body.basis, "interest");
  assert.equal(known.body.excluded_bought, 1);
  assert.ok(!ids(known).includes("mug-red"));
  assert.match(ids(known)[0] ?? "", /^mug-/);
  const unknown = await call("/api/users/:id/recommendations", {
    id: "nobody",
    query: { limit: 2 },
  });
  assert.equal(unknown.body.basis, "popular");
  assert.deepEqual(ids(unknown), ["lamp", "mug-red"]);
});
