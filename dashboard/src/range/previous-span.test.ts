import assert from "node:assert/strict";
import { test } from "node:test";
import { chartSpan, previousSpan } from "./previous-span.ts";
import { type Preset, presets, type RangeChoice, resolveRange, type Span } from "./range.ts";

const zone = "Europe/Istanbul";
const now = Date.parse("2026-11-21T07:47:25Z");
const preset = (name: Preset): RangeChoice => ({ kind: "preset", preset: name });
const iso = (span: Span) =>
  [span.from, span.to].map((ms) => new Date(ms).toISOString().slice(0, 16)).join(" ");

function spanOf(choice: RangeChoice): Span {
  const span = resolveRange(choice, zone, now);
  assert.ok(span !== undefined);
  return span;
}

test("today is compared with yesterday up to the same time, a week with the same weekdays before", () => {
  const today = preset("today");
  assert.equal(iso(previousSpan(today, zone, spanOf(today))), "2026-11-19T21:00 2026-11-20T07:48");
  const week = preset("7d");
  assert.equal(iso(previousSpan(week, zone, spanOf(week))), "2026-11-07T21:00 2026-11-14T07:48");
});

test("a custom range of local days is compared with as many days, also across a clock change", () => {
  const choice = { kind: "custom", from: "2026-03-29T00:00", to: "2026-03-31T00:00" } as const;
  const span = resolveRange(choice, "Europe/Berlin", now);
  assert.ok(span !== undefined);
  assert.equal(
    iso(previousSpan(choice, "Europe/Berlin", span)),
    "2026-03-26T23:00 2026-03-28T23:00",
  );
  const hours = { kind: "custom", from: "2026-11-20T10:00", to: "2026-11-20T13:30" } as const;
  const before = previousSpan(hours, zone, spanOf(hours));
  assert.equal(iso(before), "2026-11-20T03:30 2026-11-20T07:00");
});

test("a chart ends with its last bucket, and Today with the day", () => {
  const day = preset("24h");
  const hour = { zone, granularity: "hour" } as const;
  assert.equal(iso(chartSpan(day, spanOf(day), hour)), "2026-11-20T08:00 2026-11-21T08:00");
  const today = preset("today");
  assert.equal(iso(chartSpan(today, spanOf(today), hour)), "2026-11-20T21:00 2026-11-21T21:00");
  const minutes = chartSpan(day, spanOf(day), { zone, granularity: "minute" });
  assert.deepEqual(minutes, spanOf(day));
});

test("every preset has a non-empty previous period, also around clock changes", () => {
  const changes = ["2026-03-29T00:59:00Z", "2026-03-29T01:20:00Z", "2026-10-25T01:10:00Z"];
  for (const at of changes.map(Date.parse)) {
    for (const name of presets) {
      const span = resolveRange(preset(name), "Europe/Berlin", at);
      assert.ok(span !== undefined);
      const before = previousSpan(preset(name), "Europe/Berlin", span);
      assert.ok(before.from < before.to && before.to <= span.to, `${name} ${at}`);
      assert.equal(before.from % 60_000, 0);
    }
  }
});
