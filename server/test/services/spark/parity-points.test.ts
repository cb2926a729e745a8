/**
 * Promise 7: both engines give the same vectors for the same events, also after another model went live.
 * `WEIR_TEST_PARITY_EVENTS=200000` is the full suite.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { startQdrantShim } from "../../../../testing/qdrant-shim.ts";
import { startKafka } from "../../../../testing/servers/kafka.ts";
import { requireServers } from "../../../../testing/servers/required-servers.ts";
import { until } from "../../../../testing/until.ts";
import { coldStartModel } from "../../../src/adapters/embeddings/embedders.ts";
import { createQdrantStore } from "../../../src/adapters/vectors/qdrant/store.ts";
import type { VectorStore } from "../../../src/core/ports/vector-store.ts";
import { addModel } from "../../../src/parts/models/model-store.ts";
import { createEtlDatabase } from "../../helpers/etl/database.ts";
import { send } from "../../helpers/spark/engines.ts";
import { createEventsTopic, messagesOfLog } from "../../helpers/spark/events-topic.ts";
import { createSparkJob } from "../../helpers/spark/job.ts";
import { parityEvents as events } from "../../helpers/spark/parity-events.ts";
import { differentPoints, pointsOf } from "../../helpers/spark/points.ts";
import { createTestStream } from "../../helpers/stream.ts";

const servers = await requireServers("kafka", "spark");

test(`the products of ${events} events have the same points in Qdrant`, servers, async (t) => {
  const database = await createEtlDatabase(t);
  await send(t, database, [0, events]);
  const stream = createTestStream(t, database);
  stream.start();
  await stream.settled();
  await stream.stop();
  const model = coldStartModel(new Date(0));
  const collection = `products_${model.id}`;
  const expected = await pointsOf(database, collection);
  assert.ok(expected.size > 100, `${expected.size} products`);

  const kafka = await startKafka(t);
  const topic = await createEventsTopic(t, kafka.brokers);
  await topic.send(await messagesOfLog(database));
  const qdrant = await startQdrantShim(t);
  const store = createQdrantStore({ url: qdrant.url, timeoutMs: 5_000 });
  t.after(() => store.close());
  const job = await createSparkJob(t, {
    database,
    brokers: kafka.brokers,
    config: {
      windows: { enabled: false },
      embeddings: { enabled: true, device: "cpu" },
      qdrant: { url: qdrant.url },
    },
  });
  const running = await job.start();
  await untilEqual(store, collection, expected);

  const next = coldStartModel(new Date(0), 64);
  const about = {
    kind: "random-projection",
    settings: {},
    automatic: false,
    corpusTexts: 0,
  } as const;
  await addModel(database.app, { ...next, ...about, wanted: true }, ["products"]);
  const before = (await messagesOfLog(database)).length;
  await send(t, database, [events, events + 200]);
  stream.start();
  await stream.settled();
  await stream.stop();
  const expectedNext = await pointsOf(database, `products_${next.id}`);
  assert.ok(expectedNext.size >= expected.size, `${expectedNext.size} products`);
  await topic.send((await messagesOfLog(database)).slice(before));
  await untilEqual(store, `products_${next.id}`, expectedNext);
  assert.equal(await running.stop(), 0);
});

async function untilEqual(
  store: VectorStore,
  collection: string,
  expected: Awaited<ReturnType<typeof pointsOf>>,
): Promise<void> {
  let problems: readonly string[] = [];
  const areEqual = async () => {
    problems = await differentPoints(store, collection, expected).catch((error) => [String(error)]);
    return problems.length === 0;
  };
  const what = () =>
    `the same points; ${problems.length} differ: ${problems.slice(0, 3).join("\n")}`;
  await until(areEqual, { what, everyMs: 1_000, timeoutMs: 120_000 + events * 5 });
}
