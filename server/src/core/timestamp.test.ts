import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { parseTimestamp } from "./timestamp.ts";

test("every instant that Date can print is read as the same microseconds, with any offset", () => {
  const offsets = fc.integer({ min: -(23 * 60 + 59), max: 23 * 60 + 59 });
  const moments = fc.date({
    min: new Date("1702-01-01T00:00:00Z"),
    max: new Date("2250-12-31T00:00:00Z"),
    noInvalidDate: true,
  });
  fc.assert(
    fc.property(moments, offsets, fc.integer({ min: 0, max: 999 }), (date, offset, micros) => {
      const local = new Date(date.getTime() + offset * 60_000).toISOString().slice(0, 23);
      const sign = offset < 0 ? "-" : "+";
      const hours = String(Math.floor(Math.abs(offset) / 60)).padStart(2, "0");
      const minutes = String(Math.abs(offset) % 60).padStart(2, "0");
      const text = `${local}${String(micros).padStart(3, "0")}${sign}${hours}:${minutes}`;
      assert.equal(parseTimestamp(text), date.getTime() * 1000 + micros);
    }),
  );
});

test("days and times that do not exist are refused, not moved", () => {
  for (const text of [
    "2023-02-29T00:00:00Z",
    "2100-02-29T00:00:00Z",
    "2024-04-31T00:00:00Z",
    "2024-13-01T00:00:00Z",
    "2024-00-10T00:00:00Z",
    "2024-01-00T00:00:00Z",
    "2024-01-01T24:00:00Z",
    "2024-01-01T00:60:00Z",
    "2024-01-01T00:00:61Z",
    "2024-01-15T23:59:60Z",
    "2024-06-30T12:00:60Z",
    "2024-01-01T00:00:00+24:00",
    "2024-01-01T00:00:00+01:60",
  ]) {
    assert.equal(parseTimestamp(text), "calendar", text);
  }
  assert.equal(parseTimestamp("2024-02-29T00:00:00Z"), Date.UTC(2024, 1, 29) * 1000);
});

test("a leap second counts as the following second", () => {
  assert.equal(parseTimestamp("2016-12-31T23:59:60Z"), Date.UTC(2017, 0, 1) * 1000);
  assert.equal(parseTimestamp("2017-01-01T02:59:60+03:00"), Date.UTC(2017, 0, 1) * 1000);
});

test("anything but RFC 3339 with an offset is refused", () => {
  for (const text of [
    "",
    "now",
    "infinity",
    "2024-01-15",
    "2024-01-15T10:30:00",
    "2024-01-15 10:30:00Z",
    "2024-01-15T10:30Z",
    "2024-01-15T10:30:00.Z",
    "2024-01-15T10:30:00,5Z",
    "2024-01-15T10:30:00+0300",
    "2024-01-15T10:30:00+03",
    "2024-01-15T10:30:00Z ",
    " 2024-01-15T10:30:00Z",
    "2024-01-15T10:30:00ZZ",
    "+010000-01-01T00:00:00Z",
    "-2024-01-15T10:30:00Z",
    "2024-1-15T10:30:00Z",
    "２０２４-01-15T10:30:00Z",
    `2024-01-15T10:30:00.${"1".repeat(31)}Z`,
    "1705314600",
  ]) {
    assert.equal(parseTimestamp(text), "form", text);
  }
});

test("the fraction is truncated to microseconds and never rounded up", () => {
  assert.equal(
    parseTimestamp("2024-01-15T10:30:00.9999999999z"),
    Date.UTC(2024, 0, 15, 10, 30) * 1000 + 999_999,
  );
  assert.equal(parseTimestamp("1970-01-01t00:00:00.000001Z"), 1);
});
