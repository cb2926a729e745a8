import assert from "node:assert/strict";
import { test } from "node:test";
import { createFormats } from "../format/formats.ts";
import { fitsGranularity, granularityFor, presets, resolveRange } from "./range.ts";
import { bucketText, rangeText } from "./range-text.ts";
import { instantOf, readLocal, startOfDay, startOfHour, writeLocal } from "./zone.ts";

const istanbul = "Europe/Istanbul";
const now = Date.parse("2026-11-21T07:47:25.500Z");
const iso = (ms: number | undefined) => (ms === undefined ? "" : new Date(ms).toISOString());

test("a preset begins at a bucket of the zone and ends with the current minute", () => {
  const day = resolveRange({ kind: "preset", preset: "24h" }, istanbul, now);
  assert.equal(iso(day?.from), "2026-11-20T08:00:00.000Z");
  assert.equal(iso(day?.to), "2026-11-21T07:48:00.000Z");
  const week = resolveRange({ kind: "preset", preset: "7d" }, istanbul, now);
  assert.equal(iso(week?.from), "2026-11-14T21:00:00.000Z");
  const yesterday = resolveRange({ kind: "preset", preset: "yesterday" }, istanbul, now);
  assert.equal(iso(yesterday?.from), "2026-11-19T21:00:00.000Z");
  assert.equal(iso(yesterday?.to), "2026-11-20T21:00:00.000Z");
});

test("every preset lies on whole minutes, also in zones with unusual offsets", () => {
  for (const zone of ["UTC", "Asia/Kathmandu", "America/St_Johns", "Australia/Lord_Howe"]) {
    for (const preset of presets) {
      const span = resolveRange({ kind: "preset", preset }, zone, now);
      assert.ok(span !== undefined && span.from < span.to, `${zone} ${preset}`);
      assert.equal(span.from % 60_000, 0);
      assert.equal(span.to % 60_000, 0);
    }
  }
});

test("hours begin where the clock of the zone shows them", () => {
  assert.equal(iso(startOfHour("Asia/Kathmandu", now)), "2026-11-21T07:15:00.000Z");
});

test("a day with a clock change has 23 or 25 hours", () => {
  const spring = startOfDay("Europe/Berlin", Date.parse("2026-03-29T12:00:00Z"));
  const after = startOfDay("Europe/Berlin", Date.parse("2026-03-30T12:00:00Z"));
  assert.equal((after - spring) / 3_600_000, 23);
  const autumn = startOfDay("Europe/Berlin", Date.parse("2026-10-25T12:00:00Z"));
  const later = startOfDay("Europe/Berlin", Date.parse("2026-10-26T12:00:00Z"));
  assert.equal((later - autumn) / 3_600_000, 25);
});

test("a time that the clock skips is the instant after the gap, and other times are unchanged", () => {
  const local = { year: 2026, month: 3, day: 29, hour: 2, minute: 30 };
  assert.equal(iso(instantOf("Europe/Berlin", local)), "2026-03-29T01:30:00.000Z");
  for (const text of ["2026-03-29T04:00", "2026-10-25T02:30", "2026-01-31T23:59"]) {
    assert.equal(writeLocal("Europe/Berlin", readLocal("Europe/Berlin", text) ?? 0), text);
  }
});

test("a custom range that ends before it starts is refused", () => {
  const custom = { kind: "custom", from: "2026-11-08T00:00", to: "2026-11-01T00:00" } as const;
  assert.equal(resolveRange(custom, "UTC", now), undefined);
  assert.equal(readLocal("UTC", "2026-13-01T00:00"), undefined);
  assert.equal(readLocal("UTC", "yesterday"), undefined);
});

test("a granularity with more points than pixels is replaced by one that suits the range", () => {
  const month = { from: 0, to: 30 * 86_400_000 };
  assert.equal(granularityFor("auto", { from: 0, to: 3_600_000 }), "minute");
  assert.equal(granularityFor("auto", { from: 0, to: 86_400_000 }), "hour");
  assert.equal(granularityFor("auto", month), "day");
  assert.equal(granularityFor("minute", month), "day");
  assert.equal(granularityFor("hour", month), "hour");
  assert.ok(!fitsGranularity("minute", month));
});

const spanOf = ({ from, to }: { from: string; to: string }) => ({
  from: Date.parse(from),
  to: Date.parse(to),
});

test("ranges of whole days are written with their last included day", () => {
  const formats = createFormats("en", istanbul);
  const days = spanOf({ from: "2026-11-14T21:00:00Z", to: "2026-11-19T21:00:00Z" });
  assert.equal(rangeText(days, formats), "15 Nov – 19 Nov");
  const one = spanOf({ from: "2026-11-14T21:00:00Z", to: "2026-11-15T21:00:00Z" });
  assert.equal(rangeText(one, formats), "Sun 15 Nov");
  const hours = spanOf({ from: "2026-11-21T06:00:00Z", to: "2026-11-21T07:30:00Z" });
  assert.equal(rangeText(hours, formats), "21 Nov 09:00 – 10:30");
  assert.equal(bucketText(hours.from, "hour", formats), "21 Nov 09:00–10:00");
});
