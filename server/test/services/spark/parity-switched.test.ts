/**
 * Promise 7: both engines give the same rows for the same events when the engine is switched in the middle.
 * `WEIR_TEST_PARITY_EVENTS=200000` is the full suite.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { startKafka } from "../../../../testing/servers/kafka.ts";
import { requireServers } from "../../../../testing/servers/required-servers.ts";
import { until } from "../../../../testing/until.ts";
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
import { createEventsTopic, messagesOfLog } from "../../helpers/spark/events-topic.ts";
import { createSparkJob } from "../../helpers/spark/job.ts";
import { parityEvents as events } from "../../helpers/spark/parity-events.ts";

const servers = await requireServers("kafka", "spark");

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
    // no signal is sent: the hand-over fences it
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
