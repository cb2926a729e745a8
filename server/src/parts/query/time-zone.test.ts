import assert from "node:assert/strict";
import { test } from "node:test";
import { bucketStarts, dayOf, startOfDay, stretches } from "./time-zone.ts";

const minute = (text: string) => Date.parse(text) / 60_000;
const text = (at: number) => new Date(at * 60_000).toISOString().slice(0, 16);

test("a clock change splits a range at its minute", () => {
  assert.deepEqual(
    stretches("America/New_York", minute("2026-10-31T00:00Z"), minute("2026-11-03T00:00Z")).map(
      ({ from, offset }) => [text(from), offset],
    ),
    [
      ["2026-10-31T00:00", -240],
      ["2026-11-01T06:00", -300],
    ],
  );
});

test("local days have 23, 24 or 25 hours, and a range begins and ends where it was asked", () => {
  const days = bucketStarts(
    {
      zone: "America/New_York",
      granularity: "day",
      from: minute("2026-10-31T12:00Z"),
      to: minute("2026-11-03T12:00Z"),
    },
    100,
  );
  assert.deepEqual(days?.map(text), [
    "2026-10-31T12:00",
    "2026-11-01T04:00",
    "2026-11-02T05:00",
    "2026-11-03T05:00",
  ]);
});

test("a day whose midnight is skipped begins at the change; a doubled midnight begins one day", () => {
  // Cairo goes from 00:00 to 01:00 on 2026-04-24; Havana from 01:00 back to 00:00 on 2026-11-01.
  const cairo = bucketStarts(
    {
      zone: "Africa/Cairo",
      granularity: "day",
      from: minute("2026-04-22T22:00Z"),
      to: minute("2026-04-25T21:00Z"),
    },
    10,
  );
  assert.deepEqual(cairo?.map(text), ["2026-04-22T22:00", "2026-04-23T22:00", "2026-04-24T21:00"]);
  const havana = bucketStarts(
    {
      zone: "America/Havana",
      granularity: "day",
      from: minute("2026-10-31T04:00Z"),
      to: minute("2026-11-03T05:00Z"),
    },
    10,
  );
  assert.deepEqual(havana?.map(text), ["2026-10-31T04:00", "2026-11-01T04:00", "2026-11-02T05:00"]);
});

test("hours of a half-hour zone begin at half past, and both hours of a doubled hour are there", () => {
  const hours = (zone: string, from: string, to: string) =>
    bucketStarts({ zone, granularity: "hour", from: minute(from), to: minute(to) }, 100)?.map(text);
  assert.deepEqual(hours("Asia/Kolkata", "2026-11-01T00:00Z", "2026-11-01T02:00Z"), [
    "2026-11-01T00:00",
    "2026-11-01T00:30",
    "2026-11-01T01:30",
  ]);
  assert.deepEqual(hours("America/New_York", "2026-11-01T04:00Z", "2026-11-01T08:00Z"), [
    "2026-11-01T04:00",
    "2026-11-01T05:00",
    "2026-11-01T06:00",
    "2026-11-01T07:00",
  ]);
});

test("too many buckets are undefined, also without being counted out", () => {
  const ask = (granularity: "minute" | "hour" | "day", most: number) =>
    bucketStarts({ zone: "UTC", granularity, from: 0, to: minute("2026-01-01T00:00Z") }, most);
  assert.equal(ask("minute", 1_500), undefined);
  assert.equal(ask("hour", 1_500), undefined);
  assert.equal(ask("day", 20_000), undefined);
  assert.equal(ask("day", 21_000)?.length, 20_454);
});

test("a local date starts where that date is first on the clock, in zones on both sides of UTC", () => {
  const dates = [20_000, 20_393, 20_567, 20_758];
  for (const zone of [
    "UTC",
    "Europe/Istanbul",
    "Asia/Kolkata",
    "America/New_York",
    "Pacific/Kiritimati",
    "Africa/Cairo",
  ]) {
    for (const date of dates) {
      const start = startOfDay(zone, date);
      assert.equal(dayOf(zone, start), date, `${zone} ${date}`);
      assert.equal(dayOf(zone, start - 1), date - 1, `${zone} ${date}`);
    }
  }
});
