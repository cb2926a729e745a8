/**
 * Promise 7: both engines give the same rows, the same vectors and the same dead letters for the same events, also
 * when the engine is switched in the middle. `WEIR_TEST_PARITY_EVENTS=200000` is the full suite.
 */
import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { topics } from "@weir/protocol";
import { createTestFolder, type TestDatabase } from "../../../../testing/database.ts";
import { startQdrantShim } from "../../../../testing/qdrant-shim.ts";
import { startKafka } from "../../../../testing/servers/kafka.ts";
import { requireServers } from "../../../../testing/servers/required-servers.ts";
import { until } from "../../../../testing/until.ts";
import { coldStartModel } from "../../../src/adapters/embeddings/embedders.ts";
import { createQdrantStore } from "../../../src/adapters/vectors/qdrant/store.ts";
import { createEtlDatabase } from "../../helpers/etl/database.ts";
import { differences } from "../../helpers/etl/window-oracle.ts";
import {
  analyticsLines,
  foldedEvents,
  send,
  startBuiltin,
  untilFolded,
  useEngine,
} from "../../helpers/spark/engines.ts";
import {
  createEventsTopic,
  type Message,
  messagesOfLog,
} from "../../helpers/spark/events-topic.ts";
import { createSparkJob } from "../../helpers/spark/job.ts";
import { differentPoints, pointsOf } from "../../helpers/spark/points.ts";
import { createTestStream } from "../../helpers/stream.ts";

const events = Number(process.env["WEIR_TEST_PARITY_EVENTS"] ?? 5_000);
const servers = await requireServers("kafka", "spark");

/** Messages that no engine can fold, and why. */
const bad: readonly (readonly [string, string])[] = [
  ["", "malformed"],
  ["[]", "malformed"],
  ['{"version":9}', "invalid_event"],
  ["{", "malformed"],
];

test(
  `${events} events through builtin and through spark: the same rows, vectors and dead letters`,
  servers,
  async (t) => {
    const [builtin, spark] = [await createEtlDatabase(t), await createEtlDatabase(t)];
    const sent = await send(t, builtin, [0, events]);
    assert.deepEqual(await send(t, spark, [0, events]), sent);
    assert.ok(sent.duplicate > 0 && sent.rejected > 0, JSON.stringify(sent));

    const kafka = await startKafka(t);
    const topic = await createEventsTopic(t, kafka.brokers);
    const messages = await messagesOfLog(spark);
    assert.equal(messages.length, sent.accepted);
    await topic.send([...bad.map(([value]) => brokenMessage(value)), ...messages]);

    const model = coldStartModel(new Date(0));
    const modelFile = join(await createTestFolder(t), "model");
    await writeFile(modelFile, model.file);
    const qdrant = await startQdrantShim(t);
    await useEngine(spark, "spark");
    const job = await createSparkJob(t, {
      database: spark,
      brokers: kafka.brokers,
      config: {
        embeddings: { enabled: true, model_file: modelFile, device: "cpu" },
        qdrant: { url: qdrant.url },
      },
    });
    const running = await job.start();

    const stream = createTestStream(t, builtin);
    stream.start();
    const worker = startBuiltin(t, builtin);
    await untilFolded(builtin, sent.accepted);
    await worker.stop();
    await stream.settled();
    await stream.stop();

    await untilFolded(spark, sent.accepted);
    assert.deepEqual(differences(await analyticsLines(builtin), await analyticsLines(spark)), []);

    // delivered once more, as after a crash of the relay: nothing changes
    await topic.send(messages.slice(0, 500));
    await until(async () => /outcome="known"\} 500/.test(await running.metrics()), {
      what: "the second delivery to be read",
      everyMs: 500,
      timeoutMs: 60_000,
    });
    assert.deepEqual(differences(await analyticsLines(builtin), await analyticsLines(spark)), []);

    const refused = (await topic.deadLetters()).map(({ value, headers }) => [
      value,
      headers["weir-dlq-reason"],
    ]);
    assert.deepEqual(refused.sort(), bad);
    assert.deepEqual(await deadLetters(spark), await deadLetters(builtin));

    assert.equal(await running.stop(), 0);
    assert.match(await running.log(), /"msg": "messages were refused"/);
  },
);

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
  const modelFile = join(await createTestFolder(t), "model");
  await writeFile(modelFile, model.file);
  const qdrant = await startQdrantShim(t);
  const store = createQdrantStore({ url: qdrant.url, timeoutMs: 5_000 });
  t.after(() => store.close());
  await useEngine(database, "spark");
  const job = await createSparkJob(t, {
    database,
    brokers: kafka.brokers,
    config: {
      windows: { enabled: false },
      embeddings: { enabled: true, model_file: modelFile, device: "cpu" },
      qdrant: { url: qdrant.url },
    },
  });
  const running = await job.start();
  let problems: readonly string[] = [];
  const areEqual = async () => {
    problems = await differentPoints(store, collection, expected).catch((error) => [String(error)]);
    return problems.length === 0;
  };
  const what = () =>
    `the same points; ${problems.length} differ: ${problems.slice(0, 3).join("\n")}`;
  await until(areEqual, { what, everyMs: 1_000, timeoutMs: 120_000 + events * 5 });
  assert.equal(await running.stop(), 0);
});

test(
  "the engine is switched twice in the middle, and every event is folded once",
  servers,
  async (t) => {
    const [builtin, both] = [await createEtlDatabase(t), await createEtlDatabase(t)];
    const kafka = await startKafka(t);
    const topic = await createEventsTopic(t, kafka.brokers);
    const job = await createSparkJob(t, { database: both, brokers: kafka.brokers });
    startBuiltin(t, both);
    let accepted = 0;
    let relayed = 0;
    const add = async (from: number, to: number) => {
      const range = [Math.floor(events * from), Math.floor(events * to)] as const;
      accepted += (await send(t, both, range)).accepted;
      const messages = await messagesOfLog(both);
      await topic.send(messages.slice(relayed));
      relayed = messages.length;
    };
    await add(0, 0.3);
    await until(async () => (await foldedEvents(both)) > 0, {
      what: "the built-in engine to fold",
    });
    await useEngine(both, "spark");
    const first = await job.start();
    await add(0.3, 0.6);
    await untilFolded(both, accepted);
    // it is not told to stop: the hand-over fences it
    await useEngine(both, "builtin");
    await add(0.6, 0.8);
    assert.equal(await first.exited, 3);
    await untilFolded(both, accepted);
    await useEngine(both, "spark");
    const second = await job.start();
    await add(0.8, 1);
    await untilFolded(both, accepted);
    assert.equal(await second.stop(), 0);

    const sent = await send(t, builtin, [0, events]);
    assert.equal(accepted, sent.accepted);
    startBuiltin(t, builtin);
    await untilFolded(builtin, accepted);
    assert.deepEqual(differences(await analyticsLines(builtin), await analyticsLines(both)), []);
  },
);

function brokenMessage(value: string): Message {
  return {
    topic: topics.events,
    key: Buffer.from("k"),
    value: Buffer.from(value),
    headers: new Map(),
  };
}

async function deadLetters({ owner }: TestDatabase): Promise<unknown[]> {
  return owner.query({
    text: "select part, reason, count(*)::int as letters from dlq.letters group by 1, 2",
  });
}
