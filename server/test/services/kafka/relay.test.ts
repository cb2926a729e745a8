/**
 * The relay as a process against a real broker that is killed, frozen and wiped: nothing is lost, the events of a key keep
 * their order, and only what was not acknowledged is sent twice. `WEIR_TEST_KAFKA_KILLS` (20) and `WEIR_TEST_KAFKA_FROZEN_S` (60) for
 * the full counts.
 */
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { type KafkaServer, startKafka } from "../../../../testing/servers/kafka.ts";
import { requireServers } from "../../../../testing/servers/required-servers.ts";
import { until } from "../../../../testing/until.ts";
import { readLag } from "../../../src/parts/log/lag.ts";
import { relayCheck } from "../../../src/parts/relay/health.ts";
import { pause } from "../../../src/timing/pause.ts";
import { readTopic } from "../../helpers/kafka/connect.ts";
import { buildWith } from "../../helpers/mutated-build.ts";
import { runCommand } from "../../helpers/weir.ts";
import { assertExact, setRelayStage } from "./relay-stage.ts";

const needed = await requireServers("kafka");
const kills = Number(process.env["WEIR_TEST_KAFKA_KILLS"] ?? 2);
const frozenMs = Number(process.env["WEIR_TEST_KAFKA_FROZEN_S"] ?? 5) * 1_000;

/** One for all tests of the file. */
const server =
  needed.skip === false ? await startKafka({ after }) : (undefined as unknown as KafkaServer);

test(
  "a broker and a relay that are killed lose nothing and keep the order of each key",
  needed,
  async (t) => {
    const stage = await setRelayStage(t, server);
    const { oracle } = stage;
    let relay = await stage.start();
    const writing = new AbortController();
    const written = oracle.writeUntil(writing.signal);
    for (let round = 0; round < kills; round++) {
      const before = oracle.count;
      await until(() => oracle.count > before + 150, { what: "events" });
      await stage.checkpoint().catch(() => {});
      await server.kill();
      await until(() => oracle.count > before + 400, { what: "events while the broker is down" });
      await server.start();
      await until(() => oracle.count > before + 600, { what: "events while the broker is up" });
      await stage.checkpoint();
      await relay.kill();
      await stage.checkpoint();
      relay = await stage.start();
    }
    writing.abort();
    await written;
    assertExact(t, await stage.judge());
    assert.equal(await relay.stop(), 0);
    const down = relay.output().match(/"msg":"Kafka is unavailable/g) ?? [];
    assert.ok(down.length <= kills, "an outage is logged once");
  },
);

test(
  "a frozen broker delays the relay, and one log line says so when it ends",
  needed,
  async (t) => {
    const stage = await setRelayStage(t, server);
    const { oracle } = stage;
    const relay = await stage.start();
    await oracle.write(200);
    await until(() => oracle.isRelayed(), { what: "the first events", timeoutMs: 60_000 });
    server.freeze();
    const writing = new AbortController();
    const written = oracle.writeUntil(writing.signal, 100);
    await pause(frozenMs);
    server.continue();
    writing.abort();
    await written;
    assertExact(t, await stage.judge());
    if (frozenMs > 10_000) {
      assert.equal(relay.output().match(/"msg":"Kafka is unavailable/g)?.length, 1);
      assert.equal(relay.output().match(/"msg":"Kafka answers again/g)?.length, 1);
    }
  },
);

test("a wiped broker is noticed, and a rewind sends what it lost", needed, async (t) => {
  const stage = await setRelayStage(t, server);
  const { oracle, database } = stage;
  const relay = await stage.start();
  await oracle.write(150);
  await until(() => oracle.isRelayed(), { what: "the first events", timeoutMs: 60_000 });
  await server.wipe();
  await oracle.write(50);
  const check = relayCheck(database.app, readLag);
  const health = await until(
    async () => {
      const found = await check();
      return found.detail?.includes("weir relay rewind") ? found : undefined;
    },
    { what: () => `the loss to be noticed:\n${relay.output()}`, timeoutMs: 60_000 },
  );
  assert.equal(health.status, "degraded");
  await until(() => oracle.isRelayed(), { what: "the new events", timeoutMs: 60_000 });
  assert.equal(oracle.judge(await readTopic(server, stage.topic)).lost.length, 150);

  const environment = { WEIR_DATABASE_URL: database.urls.owner };
  const asked = await runCommand(["relay", "rewind", "--from", "beginning"], environment);
  assert.notEqual(asked.exitCode, 0, "without a terminal it demands --yes");
  const rewound = await runCommand(
    ["relay", "rewind", "--from", "beginning", "--yes"],
    environment,
  );
  assert.equal(rewound.exitCode, 0, rewound.output);
  assert.match(rewound.output, /200 events/);
  await until(() => oracle.isRelayed(), { what: "the events to be sent again", timeoutMs: 60_000 });
  assert.equal(oracle.judge(await readTopic(server, stage.topic)).lost.length, 0);
  assert.equal((await check()).status, "ok");
  const [audit] = await database.owner.query<{ detail: unknown }>({
    text: "select detail ->> 'events' as detail from auth.audit_log where action = 'relay.rewind'",
  });
  assert.deepEqual(audit, { detail: "200" });
});

test(
  "control: a relay that moves its position before the acknowledgement loses events",
  needed,
  async (t) => {
    const stage = await setRelayStage(t, server);
    const { oracle } = stage;
    const main = await buildWith(t, [
      {
        in: "parts/relay/pump.ts",
        from: "      await sendRequest(options, item.request, signal);",
        to: "      void sendRequest(options, item.request, signal).catch(() => {});",
      },
    ]);
    const careless = await stage.start(main);
    await oracle.write(150);
    await until(() => oracle.isRelayed(), { what: "the first events", timeoutMs: 60_000 });
    await server.kill();
    await oracle.write(150);
    await until(() => oracle.isRelayed(), {
      what: "the careless relay to move on",
      timeoutMs: 60_000,
    });
    await careless.kill();
    await server.start();
    await stage.start();
    const { lost } = await stage.judge();
    assert.ok(lost.length >= 150, `${lost.length} are lost`);
  },
);
