/**
 * Promise: while models are switched under queries, every answer is whole and right for the model it names.
 * `WEIR_TEST_SWITCHES` is how often they are switched.
 */
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { createTestDatabase, createTestFolder } from "../../../testing/database.ts";
import { coldStartModel, fold } from "../../src/adapters/embeddings/embedders.ts";
import { openNotifications } from "../../src/adapters/postgres/notifications.ts";
import { createEmbeddedStore } from "../../src/adapters/vectors/embedded/store.ts";
import { openEmbedderShelf } from "../../src/compose/embedders.ts";
import { formats } from "../../src/core/event/record.ts";
import { collections } from "../../src/parts/models/collections.ts";
import {
  addModel,
  announceModels,
  markReady,
  switchTo,
} from "../../src/parts/models/model-store.ts";
import { createModelDirectory } from "../../src/parts/search/model-directory.ts";
import { Searcher } from "../../src/parts/search/searcher.ts";
import { takeSteps } from "../../src/parts/stream/steps/steps.ts";
import { createProcessor } from "../../src/parts/stream/write/processor.ts";

const switches = Number(process.env["WEIR_TEST_SWITCHES"] ?? 40);
const askers = 4;
const limit = 5;
const dimensions = [32, 48];
const colours = ["red", "blue", "green", "white", "black"];
const things = ["mug", "lamp", "chair", "bowl", "clock", "bag"];
const names = things.flatMap((thing) => colours.map((colour) => `${colour} ${thing}`));

async function createStage(t: TestContext) {
  const database = await createTestDatabase(t);
  const { app } = database;
  const notifications = openNotifications({ url: database.urls.app, applicationName: "test" });
  const shelf = openEmbedderShelf(app);
  const store = createEmbeddedStore({
    database: app,
    notifications,
    cacheFolder: await createTestFolder(t),
    memoryLimitBytes: 64 * 1024 * 1024,
  });
  const directory = createModelDirectory({ database: app, notifications });
  t.after(async () => {
    directory.close();
    await Promise.all([store.close(), shelf.close(), notifications.close()]);
  });
  const models = dimensions.map((dimension) => coldStartModel(new Date(0), dimension));
  for (const [place, model] of models.entries()) {
    await addModel(
      app,
      {
        ...model,
        kind: "random-projection",
        settings: {},
        // not automatic: an automatic model is retired when another one goes live
        automatic: false,
        corpusTexts: null,
        wanted: place === 0,
      },
      ["products", "users"],
    );
    await markReady(app, model.id, null);
  }
  const processor = createProcessor({
    database: app,
    collections,
    embedders: shelf,
    interest: () => ({ view: 1, cart: 3, purchase: 5, halfLifeMs: 14 * 86_400_000 }),
    fold,
  });
  const events = names.map((name, n) => {
    const outcome = takeSteps({
      serviceId: 1,
      eventId: `0b0e0000-0000-7000-8000-${String(n).padStart(12, "0")}`,
      receivedAt: "2026-01-01 00:00:00+00",
      receivedAtMs: 0,
      format: formats.native,
      occurredAt: n,
      eventType: "product.view",
      action: 1,
      userKey: null,
      productKey: name,
      items: null,
      payload: JSON.stringify({ product: { id: name, name } }),
    });
    assert.ok(outcome.kind === "ok");
    return outcome.value;
  });
  await processor.process(events, () => Promise.resolve(true), new AbortController().signal);
  return {
    app,
    shelf,
    store,
    models,
    searcher: new Searcher({ store, models: directory, embedders: shelf, timeoutMs: 10_000 }),
  };
}

/** What is wrong with an answer, if anything: scores are recomputed with the model that it names. */
async function wrongness(
  stage: Awaited<ReturnType<typeof createStage>>,
  asked: {
    readonly modelId: string;
    readonly text: string;
    readonly answer: readonly { readonly score: number; readonly payload?: unknown }[];
  },
): Promise<string | undefined> {
  if (asked.answer.length !== limit) return `${asked.answer.length} results`;
  const embedder = await stage.shelf.open(asked.modelId);
  for (const { score, payload } of asked.answer) {
    const name = (payload as { product_id: string }).product_id;
    const [a, b] = await embedder.embed([asked.text, name]);
    const expected = (a as Float32Array).reduce((sum, value, d) => sum + value * (b?.[d] ?? 0), 0);
    if (Math.abs(expected - score) > 1e-4) return `${name}: ${score} instead of ${expected}`;
  }
  return undefined;
}

test(`models switched ${switches} times under queries: no wrong and no empty answer`, async (t) => {
  const stage = await createStage(t);
  const { signal } = new AbortController();
  let switching = true;
  const wrong: string[] = [];
  const asked = new Map<string, number>();
  const ask = async (first: number) => {
    for (let n = first; switching; n++) {
      const text = names[n % names.length] as string;
      const target = await stage.searcher.target("products");
      const vector = await stage.searcher.embed(target, text, signal);
      const answer = await stage.searcher.ask(signal, (store, options) =>
        store.query(target.collection, { vector, limit, with_payload: true }, options),
      );
      const problem = await wrongness(stage, { modelId: target.model.id, text, answer });
      if (problem !== undefined) wrong.push(problem);
      asked.set(target.model.id, (asked.get(target.model.id) ?? 0) + 1);
    }
  };
  const asking = Promise.all(Array.from({ length: askers }, (_, n) => ask(n * 7)));
  let answered = 0;
  for (let n = 1; n <= switches; n++) {
    await switchTo(stage.app, stage.models[n % 2]?.id ?? "");
    await announceModels(stage.app);
    // queries must have been answered between two switches
    answered = total(asked);
    while (total(asked) < answered + 2 * askers) await new Promise(setImmediate);
  }
  switching = false;
  await asking;
  assert.deepEqual(wrong, []);
  assert.equal(asked.size, 2, "both models answered");
  t.diagnostic(`${total(asked)} answers, ${[...asked.values()].join(" and ")} a model`);
});

test("control: the live model's vector in the other model's collection is detected", async (t) => {
  const stage = await createStage(t);
  const target = await stage.searcher.target("products");
  const other = stage.models.find(({ id }) => id !== target.model.id)?.id ?? "";
  const vector = await stage.searcher.embed(target, "red mug", new AbortController().signal);
  await assert.rejects(
    stage.store.query(`products_${other}`, { vector, limit, with_payload: true }),
    /dimension/,
  );
  const [longer] = (await (await stage.shelf.open(other)).embed(["blue lamp"])) as [Float32Array];
  const answer = await stage.store.query(`products_${other}`, {
    vector: longer,
    limit,
    with_payload: true,
  });
  assert.notEqual(await wrongness(stage, { modelId: other, text: "red mug", answer }), undefined);
});

function total(counts: ReadonlyMap<string, number>): number {
  return [...counts.values()].reduce((sum, count) => sum + count, 0);
}
