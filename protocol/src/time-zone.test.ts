import assert from "node:assert/strict";
import { test } from "node:test";
import { isTimeZone, localTime, zoneOffset } from "./time-zone.ts";

test("only names of the zone database are zones", () => {
  for (const name of ["UTC", "Europe/Istanbul", "Asia/Kolkata", "America/Argentina/Buenos_Aires"]) {
    assert.ok(isTimeZone(name), name);
  }
  for (const name of ["", "+03:00", "Mars/Base", "Europe/Istanbul; drop table", "../etc"]) {
    assert.ok(!isTimeZone(name), name);
  }
});

test("the offset of a zone changes with its clock, and is negative in the west", () => {
  const offset = (zone: string, text: string) => zoneOffset(zone, Date.parse(text));
  assert.equal(offset("UTC", "2026-03-29T01:00:00Z"), 0);
  assert.equal(offset("Europe/Berlin", "2026-03-29T00:59:59Z"), 60);
  assert.equal(offset("Europe/Berlin", "2026-03-29T01:00:00Z"), 120);
  assert.equal(offset("America/St_Johns", "2026-01-15T12:00:30Z"), -210);
  assert.equal(offset("Asia/Kathmandu", "2026-01-15T12:00:00Z"), 345);
});

test("local time is that of the calendar and the clock of the zone", () => {
  assert.deepEqual(localTime("Europe/Istanbul", Date.parse("2026-12-31T21:30:00Z")), {
    year: 2027,
    month: 1,
    day: 1,
    hour: 0,
    minute: 30,
  });
});
