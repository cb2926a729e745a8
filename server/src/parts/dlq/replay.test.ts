import assert from "node:assert/strict";
import { test } from "node:test";
import {
  type CleanUp,
  createTestDatabase,
  type TestDatabase,
} from "../../../../testing/database.ts";
import { until } from "../../../../testing/until.ts";
import { addDeadLetter } from "../../../test/helpers/dead-letters.ts";
import { openNotifications } from "../../adapters/postgres/notifications.ts";
import type { Queryable } from "../../core/ports/database.ts";
import { writeAudit } from "../auth/administration.ts";
import { readDeadLetter } from "./dead-letters.ts";
import { createDlq } from "./dlq.ts";
import type { Change, DeadLetterToReplay, Replayed, Replayer } from "./ports.ts";
import { createReplayWorker } from "./replay.ts";
import { cancelReplay, listReplays, readReplay, requestReplay } from "./replays.ts";

const signal = new AbortController().signal;
const by = (database: TestDatabase): Change => ({
  database: database.app,
  actor: "ops",
  audit: writeAudit,
});

/** A part whose effect is one row per dead letter; the table `effects` accepts duplicates. */
async function createStage(t: CleanUp) {
  const database = await createTestDatabase(t);
  await database.owner.query({ text: "create table public.effects (letter text, content text)" });
  await database.owner.query({ text: "grant usage on schema public to weir_app" });
  await database.owner.query({ text: "grant select, insert on public.effects to weir_app" });
  return {
    ...database,
    async effects() {
      return database.app.query<{ letter: string; content: string }>({
        text: "select letter, content from public.effects order by letter, content",
      });
    },
  };
}

function insertEffect(connection: Queryable, letter: DeadLetterToReplay): Promise<unknown> {
  return connection.query({
    text: "insert into public.effects values ($1, $2)",
    values: [letter.source_key, (letter.edited ?? letter.original).toString("utf8")],
  });
}

const replayer = (
  replay: (connection: Queryable, letter: DeadLetterToReplay) => Promise<Replayed>,
): Replayer => ({ part: "test", replay });

const inserting = replayer(async (connection, letter) => {
  await insertEffect(connection, letter);
  return { ok: true };
});

async function work(database: TestDatabase, part: Replayer, workers = 1): Promise<void> {
  const worker = createReplayWorker({ database: database.app, replayers: [part] });
  const drain = async () => {
    while (await worker.step(signal)) {
      // until no dead letter is left
    }
  };
  await Promise.all(Array.from({ length: workers }, drain));
}

test("a replay uses the edit if there is one, and replaying twice has one effect", async (t) => {
  const stage = await createStage(t);
  await addDeadLetter(stage.app, { key: "a" });
  const edited = await addDeadLetter(stage.app, { key: "b" });
  await stage.app.query({
    text: "update dlq.letters set edited = 'fixed' where id = $1",
    values: [edited],
  });
  const [first, second] = await Promise.all([
    requestReplay(by(stage), {}),
    requestReplay(by(stage), {}),
  ]);
  assert.equal(first.total + second.total, 2);
  await work(stage, inserting, 3);
  assert.equal((await requestReplay(by(stage), {})).total, 0);
  await work(stage, inserting, 3);
  assert.deepEqual(await stage.effects(), [
    { letter: "a", content: '{"key":"a"}' },
    { letter: "b", content: "fixed" },
  ]);
  const [, ...replays] = await listReplays(stage.app, 10);
  assert.deepEqual(
    replays.map(({ state, done, failed, total }) => [state, done - total, failed]),
    [
      ["done", 0, 0],
      ["done", 0, 0],
    ],
  );
  assert.equal((await readDeadLetter(stage.app, edited)).state, "resolved");
  const log = await stage.app.query({
    text: "select 1 from auth.audit_log where action = 'dlq.replay'",
  });
  assert.equal(log.length, 3);
});

test("a dead letter that its part adds again during the replay stays open and counts as failed", async (t) => {
  const stage = await createStage(t);
  const id = await addDeadLetter(stage.app, { key: "a" });
  await requestReplay(by(stage), {});
  const addingAgain = replayer(async (connection, letter) => {
    await addDeadLetter(connection, { key: letter.source_key });
    return { ok: true };
  });
  await work(stage, addingAgain);
  const { state, attempts } = await readDeadLetter(stage.app, id);
  assert.deepEqual([state, attempts], ["open", 2]);
  const [replay] = await listReplays(stage.app, 10);
  assert.deepEqual([replay?.state, replay?.done, replay?.failed], ["done", 0, 1]);
});

test("control: effects outside of the transaction happen twice when it does not commit", async (t) => {
  const stage = await createStage(t);
  await addDeadLetter(stage.app, { key: "a" });
  await requestReplay(by(stage), {});
  let crashes = 1;
  const careless = replayer(async (_, letter) => {
    await insertEffect(stage.app, letter);
    if (crashes-- > 0) throw Object.assign(new Error("crash"), { retryable: true });
    return { ok: true };
  });
  await work(stage, careless);
  await stage.app.query({ text: "update dlq.replays set paused_until = null" });
  await work(stage, careless);
  assert.equal((await stage.effects()).length, 2);
});

test("control: a dead letter that is taken whatever its state is replayed twice", async (t) => {
  const stage = await createStage(t);
  await addDeadLetter(stage.app, { key: "a" });
  const { id } = await requestReplay(by(stage), {});
  await work(stage, inserting);
  // as if the state of the first replay had not been written
  await stage.app.query({
    text: "update dlq.letters set state = 'replaying', resolved_at = null, replay_id = $1",
    values: [id],
  });
  await stage.app.query({ text: "update dlq.replays set state = 'running'" });
  await work(stage, inserting);
  assert.equal((await stage.effects()).length, 2);
});

test("a dead letter that fails again is open with one attempt more and the new reason, and leaves no effect", async (t) => {
  const stage = await createStage(t);
  const said = await addDeadLetter(stage.app, { key: "said" });
  const thrown = await addDeadLetter(stage.app, { key: "thrown" });
  const refused = await addDeadLetter(stage.app, { key: "refused" });
  const orphan = await addDeadLetter(stage.app, { key: "orphan", part: "nobody" });
  const good = await addDeadLetter(stage.app, { key: "good" });
  const { id } = await requestReplay(by(stage), {});
  const part = replayer(async (connection, letter) => {
    await insertEffect(connection, letter);
    if (letter.source_key === "said") return { ok: false, reason: "still_bad", error: "e" };
    if (letter.source_key === "thrown") throw new Error("a bug");
    if (letter.source_key === "refused") await connection.query({ text: "select 1 / 0" });
    return { ok: true };
  });
  await work(stage, part);
  const replay = await readReplay(stage.app, id);
  assert.deepEqual([replay.state, replay.done, replay.failed], ["done", 1, 4]);
  const rows = [];
  for (const letter of [said, thrown, refused, orphan, good]) {
    const { state, attempts, reason } = await readDeadLetter(stage.app, letter);
    rows.push([state, attempts, reason]);
  }
  assert.deepEqual(rows, [
    ["open", 2, "still_bad"],
    ["open", 2, "replay_failed"],
    ["open", 2, "replay_failed"],
    ["open", 2, "no_replayer"],
    ["resolved", 1, "broken"],
  ]);
  assert.deepEqual(
    (await stage.effects()).map(({ letter }) => letter),
    ["good"],
  );
});

test("a dependency that is down pauses the replay: no attempt is counted, other replays continue", async (t) => {
  const stage = await createStage(t);
  const waiting = await addDeadLetter(stage.app, { key: "a", part: "waiting" });
  await addDeadLetter(stage.app, { key: "b" });
  const paused = await requestReplay(by(stage), { part: "waiting" });
  const other = await requestReplay(by(stage), { part: "test" });
  let isDown = true;
  const waitingPart: Replayer = {
    part: "waiting",
    async replay(connection, letter) {
      await insertEffect(connection, letter);
      if (isDown) throw Object.assign(new Error("the store is down"), { retryable: true });
      return { ok: true };
    },
  };
  const worker = createReplayWorker({ database: stage.app, replayers: [waitingPart, inserting] });
  while (await worker.step(signal)) {
    // until no dead letter is left
  }
  const now = await readReplay(stage.app, paused.id);
  assert.match(now.problem ?? "", /the store is down/);
  assert.ok(now.paused_until !== null && new Date(now.paused_until).getTime() > Date.now());
  const letter = await readDeadLetter(stage.app, waiting);
  assert.deepEqual([letter.state, letter.attempts], ["replaying", 1]);
  assert.equal((await readReplay(stage.app, other.id)).done, 1);

  isDown = false;
  await until(
    async () => {
      await worker.step(signal);
      return (await readReplay(stage.app, paused.id)).state === "done";
    },
    { what: "the pause to end" },
  );
  assert.equal((await stage.effects()).length, 2);
});

test("a cancelled replay opens dead letters that were not replayed yet, and completes the one in progress", async (t) => {
  const stage = await createStage(t);
  for (const key of ["a", "b", "c"]) await addDeadLetter(stage.app, { key });
  const { id } = await requestReplay(by(stage), {});
  const inHand = Promise.withResolvers<void>();
  const goOn = Promise.withResolvers<void>();
  const slow = replayer(async (connection, letter) => {
    await insertEffect(connection, letter);
    inHand.resolve();
    await goOn.promise;
    return { ok: true };
  });
  const working = work(stage, slow);
  await inHand.promise;
  const cancelled = await cancelReplay(by(stage), id);
  assert.equal(cancelled.state, "cancelled");
  assert.equal((await cancelReplay(by(stage), id)).state, "cancelled");
  goOn.resolve();
  await working;
  const states = await stage.app.query<{ state: string; n: number }>({
    text: "select state, count(*)::int as n from dlq.letters group by state order by state",
  });
  assert.deepEqual(states, [
    { state: "open", n: 2 },
    { state: "resolved", n: 1 },
  ]);
  const after = await readReplay(stage.app, id);
  assert.deepEqual([after.state, after.done], ["cancelled", 1]);
  assert.equal((await stage.effects()).length, 1);
});

test("the part runs a replay as soon as it is requested", async (t) => {
  const stage = await createStage(t);
  const notifications = openNotifications({ url: stage.urls.app, applicationName: "test dlq" });
  const stop = new AbortController();
  const seen: unknown[] = [];
  const part = createDlq({
    database: stage.app,
    notifications,
    replayers: [inserting],
    workers: 2,
    retention: () => ({ retentionDays: 1, maxBytes: 1e9 }),
    onReplayed: (letter) => seen.push(letter),
    onError: (error) => seen.push(error),
  });
  const running = part.run(stop.signal);
  t.after(async () => {
    stop.abort();
    await running;
    await notifications.close();
  });
  await addDeadLetter(stage.app, { key: "a" });
  const { id } = await requestReplay(by(stage), {});
  await until(async () => (await readReplay(stage.app, id)).state === "done", { what: "the end" });
  assert.deepEqual(seen, [{ part: "test", reason: undefined }]);
  assert.equal(part.problem?.(), undefined);
});
