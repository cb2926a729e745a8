import assert from "node:assert/strict";
import { after, test } from "node:test";
import type { Meta, RunPage, WindowPage } from "@weir/protocol";
import { createTestDatabase } from "../../../../../testing/database.ts";
import { clientOf, refusal } from "../../../../../testing/query-client.ts";
import {
  foldEvents,
  historyEnd,
  makeHistory,
  now,
  writeEvents,
} from "../../../../test/oracle/history.ts";
import { actionOf, sessionsOf, totalsOf } from "../../../../test/oracle/numbers.ts";
import { requestRerun } from "../../etl/reruns.ts";
import { queryRoutes } from "../routes.ts";

const hour = 3_600_000;
const day = 24 * hour;
const events = makeHistory(800, 3);
const iso = (at: number) => new Date(at).toISOString();

const database = await createTestDatabase({ after });
await writeEvents(database, events);
await foldEvents(database);
const client = clientOf(
  queryRoutes({
    database: database.app,
    requestRerun: (rerun) => requestRerun(database.app, rerun),
    now: () => now,
    version: "1.2.3",
    environment: "test",
    retentionDays: 12,
    timeoutMs: 5_000,
    freeFormTimeoutMs: 30_000,
    concurrency: 4,
  }),
);

async function allWindows(query: string): Promise<WindowPage["windows"]> {
  const found: WindowPage["windows"] = [];
  let cursor = "";
  for (;;) {
    const page = await client.get<WindowPage>(`/api/windows?${query}${cursor}`);
    found.push(...page.windows);
    if (page.next_cursor === null) return found;
    cursor = `&cursor=${page.next_cursor}`;
  }
}

test("every window with events is listed once, newest first, with its numbers", async () => {
  const sessions = sessionsOf(events);
  for (const [size, length] of [
    ["minute", 60_000],
    ["hour", hour],
    ["day", day],
  ] as const) {
    const starts = new Set(events.map(({ at }) => Math.floor(at / length) * length));
    const windows = await allWindows(`size=${size}&limit=100`);
    assert.deepEqual(
      windows.map(({ start, end, events, users, sessions }) => ({
        start,
        end,
        events,
        users,
        sessions,
      })),
      [...starts]
        .sort((a, b) => b - a)
        .map((from) => {
          const totals = totalsOf(events, sessions, { from, to: from + length });
          return {
            start: iso(from),
            end: iso(from + length),
            events: totals.events,
            users: totals.users,
            sessions: totals.sessions,
          };
        }),
    );
    assert.ok(windows.every(({ state, last_run }) => state === "closed" && last_run === null));
  }
  const some = await allWindows("size=hour&from=2026-11-01&to=2026-11-02&time_zone=Asia/Kolkata");
  assert.ok(some.length > 0);
  for (const { start } of some) {
    assert.ok(start >= "2026-10-31T18:30" && start < "2026-11-01T18:30", start);
  }
});

test("a rerun is queued, and the window and the list of runs show it", async () => {
  const start = iso(Math.floor(historyEnd / day) * day - 2 * day);
  const answer = await client.post<{ run_id: string }>("/api/windows/rerun", {
    size: "day",
    start: start.replace("Z", "+00:00"),
  });
  const runs = await client.get<RunPage>("/api/windows/runs?size=day&state=queued");
  assert.deepEqual(
    runs.runs.map(({ run_id, start, state, requested_by, attempts }) => ({
      run_id,
      start,
      state,
      requested_by,
      attempts,
    })),
    [{ run_id: answer.run_id, start, state: "queued", requested_by: "tester", attempts: 0 }],
  );
  const [window] = await allWindows("size=day&state=rebuilding");
  assert.equal(window?.start, start);
  assert.equal(window?.last_run?.state, "queued");

  await database.owner.query({
    text: `
      update etl.window_runs set state = 'failed', error = 'no luck', attempts = 3,
        started_at = now(), finished_at = now() + interval '1.5 seconds' where id = $1`,
    values: [answer.run_id],
  });
  const [failed] = await allWindows("size=day&state=failed");
  assert.deepEqual(
    { ...failed?.last_run, at: "" },
    { at: "", duration_ms: 1_500, attempts: 3, state: "failed", changed: null, error: "no luck" },
  );
  assert.deepEqual(await allWindows("size=day&state=rebuilding"), []);
  assert.deepEqual((await client.get<RunPage>("/api/windows/runs?size=hour")).runs, []);
});

test("a window whose end has not been read yet is open", async () => {
  // What is being written now: its hour cannot be closed.
  await database.owner.query({
    text: `
      select raw.ensure_partition(current_date);
      insert into raw.events (service_id, format, event_id, occurred_at, event_type, payload)
      select id, 0, gen_random_uuid(), now(), 'x', '{}' from auth.services limit 1`,
  });
  const before = await client.get<WindowPage>("/api/windows");
  assert.equal(before.freshness.behind_events, 1);
  assert.ok(before.freshness.lag_ms > 0);
  await foldEvents(database);
  const { windows, freshness, worker } = await client.get<WindowPage>("/api/windows?state=open");
  assert.equal(windows.length, 1);
  assert.equal(windows[0]?.events, 1);
  assert.equal(freshness.behind_events, 0);
  assert.equal(worker, null);
  await database.owner.query({
    text: "insert into etl.leases values ('windows', 7, 'worker-1', now() - interval '10 seconds')",
  });
  const page = await client.get<WindowPage>("/api/windows");
  assert.equal(page.worker?.owner, "worker-1");
  assert.equal(page.worker?.epoch, 7);
  assert.equal(page.worker?.alive, false);
});

test("an invalid rerun is refused", async () => {
  for (const [body, code, about] of [
    [{ size: "day", start: "2026-11-07T03:00:00Z" }, "invalid_request", /not the start of a day/],
    [{ size: "hour", start: "2026-11-07T03:00:30Z" }, "invalid_request", /start of a hour|starts/],
    [{ size: "hour", start: "2999-01-01T00:00:00Z" }, "invalid_request", /future/],
    [{ size: "week", start: "2026-11-07T00:00:00Z" }, "invalid_request", /size/],
    [{ size: "day", start: "2026-11-07" }, "invalid_request", /RFC 3339/],
    [{ size: "day" }, "invalid_request", /start/],
    [{ size: "day", start: "2026-11-07T00:00:00Z", all: true }, "invalid_request", /all/],
  ] as const) {
    await assert.rejects(client.post("/api/windows/rerun", body), refusal(code, about));
  }
});

test("invalid parameters of the lists are refused by name", async () => {
  for (const [address, about] of [
    ["/api/windows?size=week", /size.*minute, hour, day/],
    ["/api/windows?stat=open", /stat.*\n?.*did you mean "state"/s],
    ["/api/windows?from=soon", /from/],
    ["/api/windows?cursor=1;", /cursor/],
    ["/api/windows/runs?state=lost", /state/],
    ["/api/windows/runs?limit=-1", /limit/],
    ["/api/windows/runs?from=2026-11-01", /from/],
  ] as const) {
    await assert.rejects(client.get(address), refusal("invalid_query", about), address);
  }
});

test("the metadata lists event types with their action and number of events", async () => {
  const meta = await client.get<Meta>("/api/meta");
  const counts = new Map<string, number>();
  for (const { type } of events) counts.set(type, (counts.get(type) ?? 0) + 1);
  for (const { name, action, events: count } of meta.event_types) {
    if (name === "x") continue;
    const [event] = events.filter(({ type }) => type === name);
    assert.ok(event !== undefined);
    assert.equal(action, actionOf(event));
    assert.equal(count, counts.get(name));
  }
  assert.deepEqual(meta.sources, ["ios", "pos", "web"]);
  assert.deepEqual(meta.currencies, ["EUR", "TRY", "XXX"]);
  const first = Math.min(...events.map(({ at }) => at));
  assert.equal(meta.first_event_at, iso(Math.floor(first / 60_000) * 60_000));
  assert.equal(meta.retention_days, 12);
  assert.equal(meta.version, "1.2.3");
});
