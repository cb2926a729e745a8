import assert from "node:assert/strict";
import { after, test } from "node:test";
import type { Funnel, Retention, Sessions } from "@weir/protocol";
import { createTestDatabase } from "../../../../../testing/database.ts";
import { clientOf } from "../../../../../testing/query-client.ts";
import {
  foldEvents,
  historyStart,
  makeHistory,
  now,
  type OracleEvent,
  randomOf,
  writeEvents,
} from "../../../../test/oracle/history.ts";
import {
  actionOf,
  byUser,
  funnelOf,
  type MsRange,
  sessionsOf,
  within,
} from "../../../../test/oracle/numbers.ts";
import { requestRerun } from "../../etl/reruns.ts";
import { queryRoutes } from "../routes.ts";

const minute = 60_000;
const day = 86_400_000;
const events = makeHistory(3_000, 11);
const sessions = sessionsOf(events);
const random = randomOf(5);
const iso = (at: number) => new Date(at).toISOString();
const rangeQuery = ({ from, to }: MsRange) => `from=${iso(from)}&to=${iso(to)}`;
const ranges = (): MsRange[] => [
  { from: historyStart, to: historyStart + 16 * day },
  { from: historyStart + 3 * day - 3 * 60 * minute, to: historyStart + 9 * day + 21 * 60 * minute },
  ...Array.from({ length: 6 }, () => {
    const from = historyStart + Math.floor((random() * 8 * day) / minute) * minute;
    return { from, to: from + minute + Math.floor((random() * 8 * day) / minute) * minute };
  }),
];

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
    retentionDays: 90,
    timeoutMs: 5_000,
    freeFormTimeoutMs: 30_000,
    concurrency: 4,
  }),
);

test("the commerce funnel equals a search of all chains of view, cart and purchase", async () => {
  const steps = ["view", "cart", "purchase"].map(
    (action) => (event: OracleEvent) => actionOf(event) === action,
  );
  for (const range of ranges()) {
    for (const [within_, ms] of [
      ["24h", day],
      ["30m", 30 * minute],
      ["7d", 7 * day],
    ] as const) {
      const answer = await client.get<Funnel>(
        `/api/analytics/funnel?${rangeQuery(range)}&within=${within_}`,
      );
      const expected = funnelOf(within(events, range), steps, ms);
      assert.deepEqual(
        answer.steps.map(({ users }) => users),
        expected,
        `${rangeQuery(range)} ${within_}`,
      );
      assert.equal(answer.kind, "commerce");
      assert.equal(answer.within_s, ms / 1_000);
      const [view = 0, cart = 0] = expected;
      assert.equal(answer.steps[1]?.from_first, view === 0 ? null : cart / view);
    }
  }
});

test("a funnel of free steps equals a search of all chains, also with a repeated step", async () => {
  for (const names of [
    ["product.view", "purchase"],
    ["view_item", "add_to_cart", "Order Completed", "signup"],
    ["add_to_cart", "add_to_cart", "purchase"],
    ["never", "purchase"],
  ]) {
    const steps = names.map((name) => (event: OracleEvent) => event.type === name);
    for (const range of ranges().slice(0, 4)) {
      const answer = await client.get<Funnel>(
        `/api/analytics/funnel?${rangeQuery(range)}&within=6h&steps=${names.map(encodeURIComponent).join(",")}`,
      );
      assert.deepEqual(
        answer.steps.map(({ name, users }) => [name, users]),
        funnelOf(inStepOrder(within(events, range), names), steps, 6 * 60 * minute).map(
          (users, index) => [names[index], users],
        ),
        `${names} ${rangeQuery(range)}`,
      );
      assert.equal(answer.kind, "free");
    }
  }
});

/** Events of one instant count in the order of the steps. */
function inStepOrder(list: readonly OracleEvent[], names: readonly string[]): OracleEvent[] {
  return [...list].sort((a, b) => a.at - b.at || names.indexOf(a.type) - names.indexOf(b.type));
}

test("cohorts count the users first seen in a period, and who returned in each later one", async () => {
  for (const [period, length, origin] of [
    ["day", day, 0],
    ["week", 7 * day, 4 * day],
  ] as const) {
    for (const range of ranges()) {
      const answer = await client.get<Retention>(
        `/api/analytics/retention?${rangeQuery(range)}&period=${period}`,
      );
      const from = Math.floor((range.from - origin) / length) * length + origin;
      const to = Math.ceil((range.to - origin) / length) * length + origin;
      assert.deepEqual(answer.range, { from: iso(from), to: iso(to), time_zone: "UTC" });
      const count = (to - from) / length;
      const expected = Array.from({ length: count }, (_, cohort) =>
        Array.from({ length: count - cohort }, () => 0),
      );
      for (const own of byUser(events).values()) {
        const periods = new Set(own.map(({ at }) => Math.floor((at - from) / length)));
        const first = Math.min(...periods);
        for (const seen of periods) {
          const row = expected[first];
          if (row?.[seen - first] !== undefined) row[seen - first] = (row[seen - first] ?? 0) + 1;
        }
      }
      assert.deepEqual(
        answer.cohorts,
        expected.map((returning, cohort) => ({
          start: iso(from + cohort * length),
          users: returning[0],
          returning,
        })),
      );
    }
  }
});

test("sessions are listed page by page, for all users or one, with averages of the whole range", async () => {
  for (const user of [undefined, "user-3", "nobody"]) {
    for (const range of ranges().slice(0, 3)) {
      const expected = sessions
        .filter((session) => user === undefined || session.user === user)
        .filter(({ start }) => start >= range.from && start < range.to);
      const rows: Sessions["rows"] = [];
      let cursor = "";
      for (;;) {
        const filter = user === undefined ? "" : `&user_id=${user}`;
        const page = await client.get<Sessions>(
          `/api/analytics/sessions?${rangeQuery(range)}&limit=37${filter}${cursor}`,
        );
        rows.push(...page.rows);
        const seconds = expected.map(({ start, end }) => (end - start) / 1_000);
        const mean = (values: readonly number[]) =>
          values.length === 0 ? null : values.reduce((sum, own) => sum + own, 0) / values.length;
        assert.equal(page.summary.sessions, expected.length);
        assert.equal(rounded(page.summary.average_duration_s), rounded(mean(seconds)));
        assert.equal(
          rounded(page.summary.average_events),
          rounded(mean(expected.map((session) => session.events.length))),
        );
        if (page.next_cursor === null) break;
        cursor = `&cursor=${page.next_cursor}`;
      }
      const key = (row: { user_id: string; start: string }) => `${row.start} ${row.user_id}`;
      assert.deepEqual(
        [...rows].sort((a, b) => (key(a) < key(b) ? -1 : 1)),
        expected
          .map(({ user: user_id, start, end, events: own }) => ({
            user_id,
            start: iso(start),
            end: iso(end),
            duration_s: (end - start) / 1_000,
            events: own.length,
            purchases: own.filter((event) => actionOf(event) === "purchase").length,
          }))
          .sort((a, b) => (key(a) < key(b) ? -1 : 1)),
      );
      const starts = rows.map(({ start }) => start);
      assert.deepEqual(starts, [...starts].sort().reverse());
    }
  }
});

function rounded(value: number | null): number | null {
  return value === null ? null : Math.round(value * 1_000) / 1_000;
}
