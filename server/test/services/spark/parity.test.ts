/**
 * Promise 7: both engines give the same rows and the same dead letters for the same events.
 * `WEIR_TEST_PARITY_EVENTS=200000` is the full suite.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { topics } from "@weir/protocol";
import type { TestDatabase } from "../../../../testing/database.ts";
import { startKafka } from "../../../../testing/servers/kafka.ts";
import { requireServers } from "../../../../testing/servers/required-servers.ts";
import { until } from "../../../../testing/until.ts";
import { createEtlDatabase } from "../../helpers/etl/database.ts";
import { differences } from "../../helpers/etl/window-oracle.ts";
import {
  analyticsLines,
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
import { parityEvents as events } from "../../helpers/spark/parity-events.ts";

const servers = await requireServers("kafka", "spark");

/** Messages that no engine can fold, and why. */
const bad: readonly (readonly [string, string])[] = [
  ["", "malformed"],
  ["[]", "malformed"],
  ['{"version":9}', "invalid_event"],
  ["{", "malformed"],
];

test(
  `${events} events through builtin and through spark: the same rows and dead letters`,
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

    await useEngine(spark, "spark");
    const job = await createSparkJob(t, { database: spark, brokers: kafka.brokers });
    const running = await job.start();

    const worker = startBuiltin(t, builtin);
    await untilFolded(builtin, sent.accepted);
    await worker.stop();

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
