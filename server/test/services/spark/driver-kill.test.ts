/**
 * Promise: a Spark driver that is killed at any moment, also inside a batch between its fold and its commit, counts
 * every event once. `WEIR_TEST_SPARK_KILLS=20` is the full count.
 */
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import type { TestDatabase } from "../../../../testing/database.ts";
import { makeRandom } from "../../../../testing/random.ts";
import { startKafka } from "../../../../testing/servers/kafka.ts";
import { requireServers } from "../../../../testing/servers/required-servers.ts";
import { until } from "../../../../testing/until.ts";
import { createEtlDatabase, mutate } from "../../helpers/etl/database.ts";
import { differences } from "../../helpers/etl/window-oracle.ts";
import {
  analyticsLines,
  foldedEvents,
  send,
  startBuiltin,
  untilFolded,
  useEngine,
} from "../../helpers/spark/engines.ts";
import { createEventsTopic, messagesOfLog } from "../../helpers/spark/events-topic.ts";
import { createSparkJob, jobWith, type SparkJob } from "../../helpers/spark/job.ts";

const kills = Number(process.env["WEIR_TEST_SPARK_KILLS"] ?? 1);
const eventsOfRound = 300;
const servers = await requireServers("kafka", "spark");

interface Bench {
  readonly database: TestDatabase;
  readonly job: SparkJob;
  /** Stays between the fold and the commit of its first batch. */
  readonly slow: string;
  /** Sends more events through the log and Kafka; returns how many were accepted in all. */
  add(): Promise<number>;
  /** Differences from what the built-in engine makes of the same events. */
  differences(): Promise<string[]>;
}

async function prepare(t: TestContext): Promise<Bench> {
  const database = await createEtlDatabase(t);
  const kafka = await startKafka(t);
  const topic = await createEventsTopic(t, kafka.brokers);
  await useEngine(database, "spark");
  let sent = 0;
  let accepted = 0;
  let relayed = 0;
  return {
    database,
    job: await createSparkJob(t, { database, brokers: kafka.brokers }),
    slow: await jobWith(t, {
      in: "batch.py",
      from: "self._state.folded(folded)\n",
      to: "self._state.folded(folded)\n        if tokens:\n            __import__('time').sleep(300)\n",
    }),
    async add() {
      accepted += (await send(t, database, [sent, sent + eventsOfRound])).accepted;
      sent += eventsOfRound;
      const messages = await messagesOfLog(database);
      await topic.send(messages.slice(relayed));
      relayed = messages.length;
      return accepted;
    },
    async differences() {
      const expected = await createEtlDatabase(t);
      await send(t, expected, [0, sent]);
      startBuiltin(t, expected);
      await untilFolded(expected, accepted);
      return differences(await analyticsLines(expected), await analyticsLines(database));
    },
  };
}

/** Kills a driver that has folded a batch and not committed it. */
async function killAfterFold({ database, job, slow, add }: Bench): Promise<void> {
  const before = await foldedEvents(database);
  const running = await job.start(slow);
  await add();
  await until(async () => (await foldedEvents(database)) > before, {
    what: "a fold to be committed",
    timeoutMs: 60_000,
  });
  await running.kill9();
}

test(
  `a driver killed ${kills} times between fold and commit counts every event once`,
  servers,
  async (t) => {
    const bench = await prepare(t);
    const random = makeRandom(Date.now());
    for (let kill = 0; kill < kills; kill++) {
      await killAfterFold(bench);
      if (kills === 1) break;
      // and at any moment
      const running = await bench.job.start();
      await bench.add();
      await delay(random() * 3_000);
      await running.kill9();
    }
    const last = await bench.job.start();
    await untilFolded(bench.database, await bench.add());
    assert.match(await last.metrics(), /outcome="known"\} [1-9]/, "a batch was replayed");
    assert.equal(await last.stop(), 0);
    assert.deepEqual(await bench.differences(), []);
  },
);

test(
  "control: where folding does not ask what has been folded, the replayed batch counts twice",
  servers,
  async (t) => {
    const bench = await prepare(t);
    await killAfterFold(bench);
    await forgetFolded(bench.database);
    const last = await bench.job.start();
    const accepted = await bench.add();
    await untilFolded(bench.database, accepted + 1);
    assert.equal(await last.stop(), 0);
    assert.notDeepEqual(await bench.differences(), []);
  },
);

async function forgetFolded({ owner }: TestDatabase): Promise<void> {
  const read = "engine.read_batch(uuid[],pg_snapshot,timestamptz)";
  const isRead = ' and not pg_visible_in_snapshot(s.xid, "position")';
  await mutate(owner, { in: read, from: isRead, to: "" });
  await mutate(owner, {
    in: read,
    from: "if exists (select from engine.folded) then",
    to: "if false then",
  });
}
