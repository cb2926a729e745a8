/** Promise: replaying dead letters twice has one effect, also when the processes are killed in between. */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { type CleanUp, createTestDatabase, type TestDatabase } from "../../../testing/database.ts";
import { makeRandom } from "../../../testing/random.ts";
import { until } from "../../../testing/until.ts";
import { writeAudit } from "../../src/parts/auth/administration.ts";
import { readReplay, requestReplay } from "../../src/parts/dlq/replays.ts";
import { addDeadLetter } from "../helpers/dead-letters.ts";

const script = fileURLToPath(new URL("./replay-process.ts", import.meta.url));
const kills = Number(process.env["WEIR_TEST_REPLAY_KILLS"] ?? 5);
const letters = 60 * kills;

test(`each of ${letters} dead letters has one effect while ${kills} processes are killed and replays are requested again`, async (t) => {
  const database = await createStage(t);
  const { counts, failed } = await replayWithKills(t, database, "inside");
  assert.deepEqual([counts.length, new Set(counts), failed], [letters, new Set([1]), 0]);
  const states = await database.app.query({
    text: "select state, count(*)::int as n, max(attempts) as attempts from dlq.letters group by state",
  });
  assert.deepEqual(states, [{ state: "resolved", n: letters, attempts: 1 }]);
});

test("control: effects outside of the dead letter's transaction are found twice after the same kills", async (t) => {
  const database = await createStage(t);
  const { counts } = await replayWithKills(t, database, "outside");
  assert.equal(counts.length, letters);
  assert.ok(
    counts.some((count) => count > 1),
    "no dead letter was hit between its effect and its commit",
  );
});

async function createStage(t: CleanUp): Promise<TestDatabase> {
  const database = await createTestDatabase(t);
  await database.owner.query({ text: "create table public.effects (letter uuid)" });
  await database.owner.query({ text: "grant usage on schema public to weir_app" });
  await database.owner.query({ text: "grant select, insert on public.effects to weir_app" });
  await database.app.transaction(async (connection) => {
    for (let n = 0; n < letters; n++) await addDeadLetter(connection, { key: `k${n}` });
  });
  return database;
}

/** How many effects each dead letter with effects has, and how many dead letters failed. */
async function replayWithKills(
  t: CleanUp,
  database: TestDatabase,
  where: "inside" | "outside",
): Promise<{ counts: number[]; failed: number }> {
  const { app } = database;
  const random = makeRandom(Date.now());
  const ask = () => requestReplay({ database: app, actor: "test", audit: writeAudit }, {});
  const first = await ask();
  assert.equal(first.total, letters);
  const workers = [startWorker(t, database, where), startWorker(t, database, where)];
  for (let kill = 0; kill < kills; kill++) {
    const before = await resolved(database);
    await until(async () => (await resolved(database)) > before + 5, {
      what: "the replay to continue",
    });
    await delay(random() * 30);
    const [victim] = workers.splice(0, 1, startWorker(t, database, where));
    victim?.kill("SIGKILL");
    if (victim !== undefined && victim.signalCode === null) await once(victim, "exit");
    workers.reverse();
    assert.equal((await ask()).total, 0, "dead letters under replay are taken by no other replay");
  }
  const ended = await until(
    async () => {
      const replay = await readReplay(app, first.id);
      return replay.state === "done" && replay;
    },
    { what: "the replay to end", timeoutMs: 60_000 },
  );
  assert.equal(ended.done + ended.failed, letters, "progress is counted once too");
  assert.equal((await ask()).total, 0);
  const rows = await app.query<{ n: number }>({
    text: "select count(*)::int as n from public.effects group by letter",
  });
  return { counts: rows.map(({ n }) => n), failed: ended.failed };
}

async function resolved({ app }: TestDatabase): Promise<number> {
  const [row] = await app.query<{ n: number }>({
    text: "select count(*)::int as n from dlq.letters where state = 'resolved'",
  });
  return row?.n ?? 0;
}

function startWorker(t: CleanUp, database: TestDatabase, where: string): ChildProcess {
  const child = spawn(process.execPath, [script, database.urls.app, where], {
    stdio: ["ignore", "inherit", "inherit"],
  });
  t.after(async () => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const gone = once(child, "exit");
    child.kill("SIGTERM");
    await gone;
  });
  return child;
}
