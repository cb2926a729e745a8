/** Intake and relay through TLS and a password, while the broker freezes: each event is stored once and relayed. */
import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { createTestFolder } from "../../../../testing/database.ts";
import { startKafka } from "../../../../testing/servers/kafka.ts";
import { requireServers } from "../../../../testing/servers/required-servers.ts";
import { until } from "../../../../testing/until.ts";
import { openPool } from "../../../src/adapters/postgres/pool.ts";
import { readTopic } from "../../helpers/kafka/connect.ts";
import { startWeir } from "../../helpers/weir.ts";
import { createTestProducer, intakeEnvironment, produce } from "./intake-stage.ts";

test(
  "TLS, SCRAM and a broker that freezes: each event is stored once and relayed",
  await requireServers("kafka"),
  async (t) => {
    const kafka = await startKafka(t, { tls: true, users: { weir: "correct-horse" } });
    const ca = join(await createTestFolder(t), "ca.pem");
    await writeFile(ca, kafka.secure.ca);
    const weir = await startWeir(t, {
      environment: {
        ...intakeEnvironment(kafka),
        WEIR_RELAY_ENABLED: "true",
        WEIR_KAFKA_BROKERS: kafka.secure.brokers.join(","),
        WEIR_KAFKA_CONNECT_TIMEOUT_MS: "2000",
        WEIR_KAFKA_REQUEST_TIMEOUT_MS: "3000",
        WEIR_KAFKA_TLS_ENABLED: "true",
        WEIR_KAFKA_TLS_CA_FILE: ca,
        WEIR_KAFKA_SASL_MECHANISM: "scram-sha-512",
        WEIR_KAFKA_SASL_USER: "weir",
        WEIR_KAFKA_SASL_PASSWORD: "correct-horse",
      },
    });
    const database = openPool({ url: weir.run.database_url, applicationName: "test", max: 1 });
    t.after(() => database[Symbol.asyncDispose]());
    const stored = async () => {
      const [row] = await database.query<{ n: number }>({
        text: "select count(*)::int as n from raw.events",
      });
      return row?.n ?? 0;
    };
    const untilStored = (count: number) =>
      until(async () => (await stored()) >= count, {
        what: `${count} events to be stored`,
        everyMs: 200,
        timeoutMs: 90_000,
      });
    // through the listener without TLS
    const producer = createTestProducer(t, kafka.brokers);
    const send = (from: number, to: number) =>
      produce(
        producer,
        "raw_data",
        Array.from({ length: to - from }, (_, n) => ({
          key: `u${n % 9}`,
          value: JSON.stringify({
            event_id: `e${from + n}`,
            event_type: "product.view",
            user_id: `u${n % 9}`,
            product: { id: "p1" },
          }),
          headers: { "weir-key": weir.adminKey },
        })),
      );
    await until(() => /intake/.test(JSON.stringify(weir.run.pids)), { what: "the process intake" });
    await send(0, 100);
    await untilStored(100);

    kafka.freeze();
    const late = send(100, 150);
    await until(async () => (await health(weir.run.url)) !== "ok", {
      what: "the frozen broker to be noticed",
      everyMs: 500,
      timeoutMs: 60_000,
    });
    kafka.continue();
    await late;
    await send(150, 200);
    await untilStored(200);
    assert.equal(await stored(), 200);

    const relayed = async () =>
      new Set(
        (await readTopic(kafka, "events")).map(
          ({ value }) => (JSON.parse(String(value)) as { event_id: string }).event_id,
        ),
      );
    await until(async () => (await relayed()).size === 200, {
      what: "every event to be relayed",
      everyMs: 500,
      timeoutMs: 60_000,
    });
    assert.equal(await weir.stop(), 0);
  },
);

async function health(url: string): Promise<string> {
  const answer = await fetch(`${url}/health/kafka`);
  return ((await answer.json()) as { status: string }).status;
}
