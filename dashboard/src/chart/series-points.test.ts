import assert from "node:assert/strict";
import { test } from "node:test";
import { chartColumns, moveCursor, summaryOf } from "./series-points.ts";
import { tickTimes } from "./tick-times.ts";

const hour = (index: number) => new Date(Date.UTC(2026, 10, 21, index)).toISOString();
const points = ["3", "10", "1.5", "4"].map((value, index) => ({ start: hour(index), value }));

test("the incomplete bucket is a line of its own, joined to the last complete one", () => {
  const columns = chartColumns(
    { points, previous: null, granularity: "hour" },
    Date.parse(hour(3)) + 60_000,
  );
  assert.deepEqual(columns.values, [3, 10, 1.5, null]);
  assert.deepEqual(columns.unfinished, [null, null, 1.5, 4]);
});

test("a range in the past has no incomplete bucket", () => {
  const columns = chartColumns(
    { points, previous: points, granularity: "hour" },
    Date.parse(hour(9)),
  );
  assert.deepEqual(columns.values, [3, 10, 1.5, 4]);
  assert.deepEqual(columns.unfinished, [null, null, null, null]);
  assert.deepEqual(columns.previous, [3, 10, 1.5, 4]);
});

test("hours that have not begun are not zero: they are neither drawn nor the lowest", () => {
  const now = Date.parse(hour(1)) + 60_000;
  const columns = chartColumns({ points, previous: points, granularity: "hour" }, now);
  assert.deepEqual(columns.values, [3, null, null, null]);
  assert.deepEqual(columns.unfinished, [3, 10, null, null]);
  assert.deepEqual(columns.previous, [3, 10, 1.5, 4]);
  const summary = summaryOf({ points, granularity: "hour" }, now);
  assert.deepEqual([summary?.total, summary?.lowest.start], [13, hour(0)]);
});

test("a longer previous period is truncated to the current one", () => {
  const columns = chartColumns(
    { points: points.slice(0, 2), previous: points, granularity: "hour" },
    Date.parse(hour(9)),
  );
  assert.deepEqual(columns.previous, [3, 10]);
});

test("the summary has the total, the highest and the lowest point; an empty series has none", () => {
  const summary = summaryOf({ points, granularity: "hour" }, Date.parse(hour(9)));
  assert.equal(summary?.total, 18.5);
  assert.equal(summary?.highest.start, hour(1));
  assert.equal(summary?.lowest.start, hour(2));
  assert.equal(summaryOf({ points: [], granularity: "hour" }, 0), undefined);
});

test("keys move the cursor and stop at the ends; other keys are left to the browser", () => {
  assert.equal(moveCursor("ArrowLeft", undefined, 10), 9);
  assert.equal(moveCursor("ArrowLeft", 0, 10), 0);
  assert.equal(moveCursor("ArrowRight", 9, 10), 9);
  assert.equal(moveCursor("Home", 5, 10), 0);
  assert.equal(moveCursor("End", 5, 10), 9);
  assert.equal(moveCursor("Tab", 5, 10), undefined);
  assert.equal(moveCursor("ArrowLeft", undefined, 0), undefined);
});

test("labels are at round times of the zone's clock, each at an existing point", () => {
  const times = Array.from({ length: 24 }, (_, index) => Date.UTC(2026, 10, 20, 8 + index) / 1_000);
  const ticks = tickTimes(times, { granularity: "hour", zone: "Europe/Istanbul", most: 8 });
  const clocks = ticks.map((seconds) => (new Date(seconds * 1_000).getUTCHours() + 3) % 24);
  assert.deepEqual(clocks, [12, 15, 18, 21, 0, 3, 6, 9]);
});

test("no number of points gives more labels than the limit, and each day has one label", () => {
  for (const [granularity, seconds] of [
    ["minute", 60],
    ["hour", 3_600],
    ["day", 86_400],
  ] as const) {
    for (const count of [1, 7, 60, 500, 1_000]) {
      const times = Array.from({ length: count }, (_, index) => index * seconds);
      const ticks = tickTimes(times, { granularity, zone: "UTC", most: 12 });
      assert.ok(ticks.length <= 13, `${granularity} ${count}: ${ticks.length}`);
      assert.equal(new Set(ticks).size, ticks.length);
    }
  }
});
