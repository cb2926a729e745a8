/** A session ends after 30 minutes without an event: an event exactly 30 minutes later still belongs to it. */
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { test } from "node:test";
import type { TestDatabase } from "../../../../testing/database.ts";
import { appendEvents } from "../../../test/helpers/etl/append-events.ts";
import { createEtlDatabase } from "../../../test/helpers/etl/database.ts";
import type { LedgerEvent } from "../../../test/helpers/etl/window-oracle.ts";
import { executeNextRun, requestRerun } from "./reruns.ts";
import { runStep } from "./step.ts";

const minuteMs = 60_000;
const gapMs = 30 * minuteMs;
const hourMs = 60 * minuteMs;
/** Yesterday at 10:00 UTC. */
const start = Math.floor(Date.now() / (24 * hourMs) - 1) * 24 * hourMs + 10 * hourMs;

interface Arrival {
  readonly how: string;
  /** Milliseconds after `start`, by batch. */
  readonly batches: readonly (readonly number[])[];
}

/** Every way in which two events, one gap apart, can arrive. */
const arrivals = (gap: number): readonly Arrival[] => [
  { how: "in one batch", batches: [[0, gap]] },
  { how: "the later one in a later batch", batches: [[0], [gap]] },
  { how: "the earlier one in a later batch", batches: [[gap], [0]] },
  { how: "beside a third one that is far away", batches: [[0, 5 * hourMs], [gap]] },
  { how: "in one batch with a third one that is far away", batches: [[0, gap, 5 * hourMs]] },
];

for (const { side, gap, sessions } of [
  { side: "exactly 30 minutes apart", gap: gapMs, sessions: 1 },
  { side: "a millisecond more than 30 minutes apart", gap: gapMs + 1, sessions: 2 },
]) {
  for (const { how, batches } of arrivals(gap)) {
    test(`events ${side} are ${sessions} session(s), ${how}, also after a rerun`, async (t) => {
      const database = await createEtlDatabase(t);
      for (const batch of batches) {
        await appendEvents(database.ingest, batch.map(viewAt));
        await runStep(database.app, { epoch: 0, maxEvents: 500 });
      }
      const far = batches.flat().some((after) => after > gap) ? 1 : 0;
      const expected =
        sessions === 1
          ? [{ started: 0, ended: gap, events: 2 }]
          : [
              { started: 0, ended: 0, events: 1 },
              { started: gap, ended: gap, events: 1 },
            ];
      assert.deepEqual((await storedSessions(database)).slice(0, sessions), expected);
      assert.equal((await storedSessions(database)).length, sessions + far);

      assert.equal(await rerunFirstHour(database), false, "a rerun finds nothing to change");
      await database.owner.query({
        text: "update analytics.sessions set ended_at = started_at, events = 7",
      });
      assert.equal(await rerunFirstHour(database), true, "a rerun repairs what is wrong");
      assert.deepEqual((await storedSessions(database)).slice(0, sessions), expected);
    });
  }
}

test("an event that is 30 minutes from both neighbours joins two sessions into one", async (t) => {
  const database = await createEtlDatabase(t);
  for (const batch of [[0, 2 * gapMs], [gapMs]]) {
    await appendEvents(database.ingest, batch.map(viewAt));
    await runStep(database.app, { epoch: 0, maxEvents: 500 });
  }
  assert.deepEqual(await storedSessions(database), [{ started: 0, ended: 2 * gapMs, events: 3 }]);
  const [total] = await database.app.query<{ sessions: number }>({
    text: "select sum(sessions)::int as sessions from analytics.window_totals where size = 2",
  });
  assert.equal(total?.sessions, 1);
});

function viewAt(after: number): LedgerEvent {
  return {
    id: randomUUID(),
    service: 1,
    type: "product.view",
    action: "view",
    at: start + after,
    user: "u1",
    product: "p1",
    amount: null,
    currency: null,
    items: null,
  };
}

/** In the order of their starts; times in milliseconds after `start`. */
function storedSessions(
  database: TestDatabase,
): Promise<{ readonly started: number; readonly ended: number; readonly events: number }[]> {
  return database.app.query({
    text: `select (extract(epoch from started_at) * 1000 - $1)::int as started,
             (extract(epoch from ended_at) * 1000 - $1)::int as ended, events
           from analytics.sessions order by started_at`,
    values: [start],
  });
}

/** Whether it changed something. */
async function rerunFirstHour(database: TestDatabase): Promise<boolean | null> {
  const { runId } = await requestRerun(database.app, {
    size: "hour",
    start: new Date(start),
    requestedBy: "test",
  });
  await executeNextRun(database.app, 0, new AbortController().signal);
  const [run] = await database.app.query<{ changed: boolean | null; state: string }>({
    text: "select changed, state from etl.window_runs where id = $1",
    values: [runId],
  });
  assert.equal(run?.state, "done");
  return run.changed;
}
