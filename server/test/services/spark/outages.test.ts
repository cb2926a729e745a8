/** Promise: while PostgreSQL or Qdrant is down the job waits, and continues by itself; neither stops the other's work. */
import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import {
  createTestFolder,
  startTestServer,
  type TestDatabase,
} from "../../../../testing/database.ts";
import { startQdrantShim } from "../../../../testing/qdrant-shim.ts";
import { startKafka } from "../../../../testing/servers/kafka.ts";
import { requireServers } from "../../../../testing/servers/required-servers.ts";
import { until } from "../../../../testing/until.ts";
import { coldStartModel } from "../../../src/adapters/embeddings/embedders.ts";
import {
  defaultEventTypeMapping,
  syncEventTypeMapping,
} from "../../../src/parts/etl/event-types.ts";
import { foldedEvents, send, untilFolded, useEngine } from "../../helpers/spark/engines.ts";
import { createEventsTopic, messagesOfLog } from "../../helpers/spark/events-topic.ts";
import { createSparkJob } from "../../helpers/spark/job.ts";

const servers = await requireServers("kafka", "spark");

test(
  "PostgreSQL and Qdrant go and return; the job lives, and every event is folded once",
  servers,
  async (t) => {
    const database = await startTestServer(t);
    await prepare(database);
    const kafka = await startKafka(t);
    const topic = await createEventsTopic(t, kafka.brokers);
    const qdrant = await startQdrantShim(t);
    const modelFile = join(await createTestFolder(t), "model");
    await writeFile(modelFile, coldStartModel(new Date(0)).file);
    const job = await createSparkJob(t, {
      database,
      brokers: kafka.brokers,
      config: {
        embeddings: { enabled: true, model_file: modelFile, device: "cpu" },
        qdrant: { url: qdrant.url },
        resilience: {
          guards: {
            vector_store: { timeout_ms: 1_000, breaker: { consecutive_failures: 3, open_ms: 300 } },
          },
        },
      },
    });
    const running = await job.start();
    const has = async (pattern: RegExp, what: string) =>
      until(async () => pattern.test(await running.metrics()), {
        what,
        everyMs: 300,
        timeoutMs: 60_000,
      });
    const points = async () =>
      Number(/^weir_spark_job_points_written_total (\S+)$/m.exec(await running.metrics())?.[1]);

    const first = await send(t, database, [0, 300]);
    let messages = await messagesOfLog(database);
    await topic.send(messages);
    await untilFolded(database, first.accepted);
    await until(async () => (await points()) > 0, {
      what: "points",
      timeoutMs: 60_000,
      everyMs: 300,
    });

    await qdrant.kill9();
    const second = await send(t, database, [300, 600]);
    const relayed = messages.length;
    messages = await messagesOfLog(database);
    await topic.send(messages.slice(relayed));
    await untilFolded(database, first.accepted + second.accepted);
    await has(/^weir_spark_job_breaker_state\{dependency="qdrant"\} [12]/m, "the breaker to open");
    const before = await points();
    await qdrant.start();
    await until(async () => (await points()) > before, {
      what: "points again",
      timeoutMs: 60_000,
      everyMs: 300,
    });
    await has(/^weir_spark_job_breaker_state\{dependency="qdrant"\} 0/m, "the breaker to close");

    await database.kill9();
    await topic.send(messages.slice(-100));
    await has(/^weir_spark_job_retries_total\{dependency="postgres"\} [1-9]/m, "the batch to wait");
    await database.restart();
    await has(/^weir_spark_job_messages_total\{outcome="known"\} [1-9]/m, "the batch to be folded");
    assert.equal(await foldedEvents(database), first.accepted + second.accepted);
    assert.equal(running.exitCode, undefined);
    assert.equal(await running.stop(), 0);
    const log = await running.log();
    assert.equal(log.split("postgres does not answer").length, 2, "said once");
    assert.match(log, /postgres answers again/);
    assert.match(log, /qdrant answers again/);
  },
);

async function prepare(database: TestDatabase): Promise<void> {
  await database.owner.query({ text: "select raw.prepare_days(1)" });
  await database.app.query({
    text: "select etl.ensure_facts_partitions((now() - interval '10 days')::date, (now() + interval '2 days')::date)",
  });
  await syncEventTypeMapping(database.app, defaultEventTypeMapping);
  await useEngine(database, "spark");
}
