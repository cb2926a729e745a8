/**
 * Every subscribed event reaches a receiver that fails 30 % of the time, in order where asked, while the process that
 * delivers is killed. `WEIR_TEST_DELIVERY_KILLS` (25) for the full count.
 */
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import {
  createTestDatabase,
  createTestFolder,
  type TestDatabase,
} from "../../../testing/database.ts";
import { changing, prepareSenders, sendEvents } from "../../../testing/deliveries.ts";
import { until } from "../../../testing/until.ts";
import { createRandomBits } from "../../src/core/random.ts";
import { createSubscription } from "../../src/parts/deliveries/changes.ts";
import { type DeliveriesProcess, startDeliveriesProcess } from "../helpers/deliveries-process.ts";
import { buildWith } from "../helpers/mutated-build.ts";
import { startReceiver, verify } from "../helpers/webhook-receiver.ts";
import { runCommand } from "../helpers/weir.ts";

const kills = Number(process.env["WEIR_TEST_DELIVERY_KILLS"] ?? 2);
const users = Array.from({ length: 20 }, (_, index) => `user-${index}`);

interface Findings {
  readonly events: number;
  readonly repeated: number;
  readonly lost: readonly string[];
  /** Users whose events were first accepted in another order than that of the log. */
  readonly disordered: readonly string[];
}

interface Stage {
  readonly database: TestDatabase;
  /** An event of each user, in one transaction. */
  send(): Promise<void>;
  readonly sent: ReadonlyMap<string, readonly string[]>;
  /** Events that were accepted at least once. */
  accepted(): number;
  /** Nothing waits any more. */
  isSettled(): Promise<boolean>;
  start(main?: string): Promise<DeliveriesProcess>;
  findings(): Findings;
}

/** A third of the failures come after the event was processed: the answer is lost. */
async function setStage(t: TestContext): Promise<Stage> {
  const database = await createTestDatabase(t);
  const migrated = await runCommand(["migrate"], {
    WEIR_DATABASE_URL: database.urls.owner,
    WEIR_DATABASE_APP_URL: database.urls.app,
    WEIR_DATABASE_INGEST_URL: database.urls.ingest,
  });
  assert.equal(migrated.exitCode, 0, migrated.output);
  await prepareSenders(database);
  const bits = createRandomBits(20_270_131);
  const chance = () => bits() / 2 ** 32;
  const processed: string[] = [];
  let secret = "";
  const receiver = await startReceiver(t, (request, response) => {
    verify(secret, request);
    const { id } = JSON.parse(request.body) as { id: string };
    const luck = chance();
    if (luck < 0.2) return 500;
    processed.push(id);
    if (luck >= 0.3) return 204;
    response.socket?.destroy();
    return undefined;
  });
  const made = await createSubscription(changing(database), {
    ...{ name: "orders", url: receiver.url, order_by: "user", concurrency: 8 },
  });
  secret = made.secret;
  const sent = new Map<string, string[]>(users.map((user) => [user, []]));
  const dataDir = await createTestFolder(t);
  return {
    ...{ database, sent },
    accepted: () => new Set(processed).size,
    async send() {
      const ids = await sendEvents(
        database.owner,
        users.map((user) => ({ user, payload: { user_id: user } })),
      );
      for (const [index, user] of users.entries()) sent.get(user)?.push(ids[index] ?? "");
    },
    async isSettled() {
      const [row] = await database.app.query<{ settled: boolean }>({
        text: `select not exists (select from deliveries.deliveries where state = 'pending')
                 and (select count(distinct event_id) from deliveries.deliveries) = (select count(*) from raw.events) as settled`,
      });
      return row?.settled === true;
    },
    start: (main) =>
      startDeliveriesProcess(t, { database, dataDir, ...(main === undefined ? {} : { main }) }),
    findings() {
      const first = new Map<string, number>();
      for (const [index, id] of processed.entries()) if (!first.has(id)) first.set(id, index);
      const all = [...sent.values()].flat();
      const inOrder = (ids: readonly string[]) =>
        ids.every(
          (id, index) =>
            index === 0 || (first.get(ids[index - 1] ?? "") ?? -1) < (first.get(id) ?? -1),
        );
      return {
        events: all.length,
        repeated: processed.length - first.size,
        lost: all.filter((id) => !first.has(id)),
        disordered: [...sent].flatMap(([user, ids]) => (inOrder(ids) ? [] : [user])),
      };
    },
  };
}

const settled = (stage: Stage) =>
  until(() => stage.isSettled(), {
    what: () => `everything to be delivered; ${stage.accepted()} events were accepted`,
    // what waits grows with each kill
    timeoutMs: 120_000 + kills * 20_000,
  });

test("every subscribed event is delivered at least once and in order, through kills of the part", async (t) => {
  const stage = await setStage(t);
  let part = await stage.start();
  for (let round = 0; round < kills; round++) {
    const before = stage.accepted();
    for (let turn = 0; turn < 5; turn++) await stage.send();
    await until(() => stage.accepted() > before + 30, {
      what: () => `deliveries before the kill; the process said:\n${part.output()}`,
      timeoutMs: 120_000,
    });
    await part.kill();
    for (let turn = 0; turn < 2; turn++) await stage.send();
    part = await stage.start();
  }
  await stage.send();
  await settled(stage);
  const { events, repeated, ...wrong } = stage.findings();
  t.diagnostic(`${events} events, ${kills} kills, ${repeated} accepted twice`);
  assert.equal(events, users.length * (kills * 7 + 1));
  assert.deepEqual(wrong, { lost: [], disordered: [] });
  assert.equal(await part.stop(), 0);
});

test("control: a build that counts every answer as a delivery loses events", async (t) => {
  const main = await buildWith(t, [
    {
      in: "parts/deliveries/settle.ts",
      from: 'results.map(({ outcome }) => outcome.kind === "delivered"),',
      to: "results.map(() => true),",
    },
  ]);
  const stage = await setStage(t);
  await stage.start(main);
  for (let turn = 0; turn < 5; turn++) await stage.send();
  await settled(stage);
  assert.ok(stage.findings().lost.length > 0);
});

test("control: a build that does not wait for the previous event of a user changes their order", async (t) => {
  const main = await buildWith(t, [
    { in: "parts/deliveries/lane.ts", from: "and e.id < d.id", to: "and e.id < 0" },
  ]);
  const stage = await setStage(t);
  await stage.start(main);
  for (let turn = 0; turn < 10; turn++) await stage.send();
  await settled(stage);
  const { lost, disordered } = stage.findings();
  assert.deepEqual(lost, []);
  assert.ok(disordered.length > 0);
});
