import assert from "node:assert/strict";
import { test } from "node:test";
import { createTestDatabase } from "../../../../../testing/database.ts";
import type { Embedder } from "../../../core/ports/embedder.ts";
import { uuidOfText } from "../../../core/uuid.ts";
import { collections } from "../../models/collections.ts";
import { addModel } from "../../models/model-store.ts";
import { hashOfText } from "../steps/product-content.ts";
import type { ProductEvent } from "../steps/steps.ts";
import { createProcessor } from "./processor.ts";

const dimension = 2;

function viewOf(name: string): ProductEvent {
  const content = { name, description: null, category: null, price: null, currency: null };
  const described = { content, text: name, hash: hashOfText(name), rank: 2 } as const;
  return {
    name: { serviceId: 1, eventId: uuidOfText(name), receivedAt: new Date().toISOString() },
    occurredAt: Date.now(),
    eventType: "product.view",
    action: 1,
    userKey: "u",
    products: [{ pointId: uuidOfText(name), key: name, described }],
  };
}

test("a page waits only briefly for a model that is not live, and the next pages not at all", async (t) => {
  const { app } = await createTestDatabase(t);
  for (const id of ["live", "side"]) {
    const model = { id, kind: "http", dimension, file: null, settings: {} } as const;
    const wanted = id === "live";
    await addModel(app, { ...model, automatic: false, corpusTexts: null, wanted }, ["products"]);
  }
  const asked: string[] = [];
  const open = async (modelId: string): Promise<Embedder> => ({
    modelId,
    dimension,
    worthKeeping: false,
    embed(texts, signal) {
      asked.push(...texts.map((text) => `${modelId}: ${text}`));
      if (modelId === "live") return Promise.resolve(texts.map(() => Float32Array.of(1, 0)));
      // like an endpoint that accepts the request and never answers
      return new Promise((_, reject) => {
        signal?.addEventListener("abort", () => reject(signal.reason), { once: true });
      });
    },
    close: async () => {},
  });
  const processor = createProcessor({
    database: app,
    collections,
    embedders: { open },
    interest: () => ({ view: 1, cart: 3, purchase: 5, halfLifeMs: 86_400_000 }),
    fold: (text) => text,
    sidePatienceMs: 50,
  });
  const take = (name: string) =>
    processor.process([viewOf(name)], async () => true, new AbortController().signal);
  const kept = async () => {
    const rows = await app.query<{ collection: string; points: number }>({
      text: `select c.name as collection, count(p.id)::int as points
             from vectors.collections c left join vectors.points p on p.collection_id = c.id
             group by c.name order by c.name`,
    });
    return Object.fromEntries(rows.map(({ collection, points }) => [collection, points]));
  };

  assert.equal((await take("red mug"))?.points, 1);
  assert.equal((await take("blue mug"))?.points, 1);
  assert.deepEqual(asked, ["live: red mug", "side: red mug", "live: blue mug"]);
  assert.deepEqual(await kept(), { products_live: 2, products_side: 0 });
  const models = await app.query({
    text: "select id, rebuild, set_aside_at is not null as aside, error from vectors.models order by id",
  });
  assert.deepEqual(models, [
    { id: "live", rebuild: false, aside: false, error: null },
    { id: "side", rebuild: true, aside: true, error: "no vectors within 50 ms" },
  ]);
});
