/**
 * Promises 1, 2 and 5 for events that come by Kafka: 0 lost and 0 twice while the group rebalances, and while intake, the
 * broker and PostgreSQL are killed; and a message that is no event never blocks its partition. The ledger is kept here.
 *
 * WEIR_TEST_KAFKA_KILLS: kills of each of them (full: 20). WEIR_TEST_KAFKA_REBALANCES and WEIR_TEST_KAFKA_REBALANCE_MS: how
 * many rebalances, and the time between two of them (full: 24 and 5000).
 *
 * The control is in intake-control.test.ts.
 */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { type TestContext, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { Consumer } from "@platformatic/kafka";
import { requireServers } from "../../../../testing/servers/required-servers.ts";
import { until } from "../../../../testing/until.ts";
import { compareWithLedger, type Ledger } from "../../helpers/ledger.ts";
import { catchUpMs, eventOf, killAndWait, loseByKill } from "./intake-kills.ts";
import {
  createTestProducer,
  type IntakeStage,
  intakeEnvironment,
  produce,
  startIntake,
} from "./intake-stage.ts";

const kills = Number(process.env["WEIR_TEST_KAFKA_KILLS"] ?? 2);
const rebalances = Number(process.env["WEIR_TEST_KAFKA_REBALANCES"] ?? 4);
const rebalanceMs = Number(process.env["WEIR_TEST_KAFKA_REBALANCE_MS"] ?? 2_000);
const { skip } = await requireServers("kafka");

test("0 lost and 0 twice, whatever is killed and however often the group rebalances", {
  skip,
}, async (t) => {
  const stage = await startIntake(t);
  await t.test("a kill while PostgreSQL is down loses nothing", async () => {
    assert.equal(await loseByKill(stage), 0);
  });
  const second = startSecondIntake(t, stage);
  const traffic = startTraffic(t, stage);
  await t.test("messages that are no events block nothing", () => sendPoison(stage));
  await t.test(`${rebalances} rebalances, ${rebalanceMs} ms apart, with two members`, async (u) => {
    for (let n = 0; n < rebalances; n++) await joinAndLeave(u, stage, rebalanceMs);
    assert.equal(second.exitCode, null);
  });
  await t.test(`${kills} kills of intake, of the broker and of PostgreSQL`, async () => {
    for (let n = 0; n < kills; n++) {
      await traffic.afterMore(100);
      await killAndWait(stage, "intake");
      await traffic.afterMore(100);
      await stage.kafka.kill();
      await stage.kafka.start();
      await traffic.afterMore(100);
      await killAndWait(stage, "postgres");
    }
  });
  const stopped = performance.now();
  await traffic.stop();
  await caughtUp(stage, traffic.ledger);
  t.diagnostic(
    `${traffic.ledger.acknowledged.size} events, all stored ${Math.round(performance.now() - stopped)} ms after the last`,
  );
  const stored = (await stage.storedIds()).filter((id) => id.startsWith("t-"));
  assert.deepEqual(compareWithLedger(traffic.ledger, stored), {
    lost: [],
    twice: [],
    phantoms: [],
  });
});

/** Bytes of every kind between good events of the same partition. */
async function sendPoison(stage: IntakeStage): Promise<void> {
  const key = "poison";
  const poison = Array.from({ length: 100 }, (_, n) => ({ value: randomBytes(n * 7), key }));
  const good = Array.from({ length: 100 }, (_, n) => ({ value: eventOf(`p-${n}`), key }));
  await stage.send(poison.flatMap((bad, n) => [bad, good[n] as (typeof good)[number]]));
  await until(
    async () => {
      const stored = (await stage.storedIds()).filter((id) => id.startsWith("p-")).length;
      return stored === good.length && (await stage.letters()).length === poison.length;
    },
    { what: () => `poison and good events:\n${stage.weir.output()}`, timeoutMs: catchUpMs },
  );
  const originals = new Set(
    (await stage.letters()).map(({ original }) => original.toString("hex")),
  );
  assert.ok(poison.every(({ value }) => originals.has(value.toString("hex"))));
}

interface Traffic {
  readonly ledger: Ledger;
  /** Resolves when the broker has this many more events. */
  afterMore(count: number): Promise<void>;
  stop(): Promise<void>;
}

/** Produces batches of 20 events, one of which is sent twice, until it is stopped. */
function startTraffic(t: TestContext, stage: IntakeStage): Traffic {
  const ledger: Ledger = { sent: new Set(), acknowledged: new Set() };
  const producer = createTestProducer(t, stage.kafka.brokers);
  const stopping = new AbortController();
  t.after(() => stopping.abort());
  let next = 0;
  const send = async () => {
    while (!stopping.signal.aborted) {
      const ids = Array.from({ length: 20 }, () => `t-${next++}`);
      for (const id of ids) ledger.sent.add(id);
      const twice = [...ids, ids[0] as string];
      await produce(
        producer,
        "raw_data",
        twice.map((id) => ({ value: eventOf(id), key: id, headers: { "weir-key": stage.key } })),
      );
      for (const id of ids) ledger.acknowledged.add(id);
      await delay(40);
    }
  };
  const sending = send();
  return {
    ledger,
    async afterMore(count) {
      const wanted = ledger.acknowledged.size + count;
      await until(() => ledger.acknowledged.size >= wanted, {
        what: "more traffic",
        timeoutMs: 60_000,
      });
    },
    async stop() {
      stopping.abort();
      await sending;
    },
  };
}

async function caughtUp(stage: IntakeStage, { acknowledged }: Ledger): Promise<void> {
  const missing = async () => {
    const stored = new Set(await stage.storedIds().catch(() => []));
    return [...acknowledged].filter((id) => !stored.has(id)).length;
  };
  await until(async () => (await missing()) === 0, {
    what: () => `all of ${acknowledged.size} events to be stored:\n${stage.weir.output()}`,
    timeoutMs: catchUpMs,
    everyMs: 200,
  });
}

/** Another process of the part, on the same database and in the same group. */
function startSecondIntake(t: TestContext, { kafka, weir }: IntakeStage): ChildProcess {
  const main = fileURLToPath(new URL("../../../src/main.ts", import.meta.url));
  const child = spawn(process.execPath, [main, "serve", "--parts", "intake"], {
    stdio: "ignore",
    cwd: weir.dataDir,
    env: {
      ...process.env,
      ...intakeEnvironment(kafka),
      WEIR_DATABASE_URL: weir.run.database_url,
    },
  });
  const exited = once(child, "exit");
  t.after(async () => {
    child.kill("SIGINT");
    await exited;
  });
  return child;
}

/** A third member that takes its share of the partitions, reads nothing and leaves again. */
async function joinAndLeave(t: TestContext, { kafka }: IntakeStage, ms: number): Promise<void> {
  const member = new Consumer({
    clientId: "third",
    bootstrapBrokers: [...kafka.brokers],
    groupId: "weir-intake",
    sessionTimeout: 10_000,
    rebalanceTimeout: 30_000,
    retries: 20,
  });
  member.topics.track("raw_data");
  await member.joinGroup({});
  await delay(ms / 2);
  await member.close(true);
  t.diagnostic(`generation ${member.generationId}`);
  await delay(ms / 2);
}
