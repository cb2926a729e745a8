import assert from "node:assert/strict";
import { test } from "node:test";
import { createFormats } from "./formats.ts";

const english = createFormats("en", "Europe/Istanbul");
const turkish = createFormats("tr", "Europe/Istanbul");

test("an amount keeps every digit that a double would lose", () => {
  assert.equal(english.money("9007199254740993.25", "TRY"), "₺9,007,199,254,740,993.25");
  assert.equal(turkish.money("1299.99", "TRY"), "₺1.299,99");
});

test("a currency that is none of ISO 4217's form is written before the number, and does not throw", () => {
  assert.equal(english.money("12.5", "POINTS"), "POINTS 12.5");
});

test("durations are short, in the reader's units", () => {
  assert.equal(english.duration(440), "0.4 s");
  assert.equal(turkish.duration(440), "0,4 sn");
  assert.equal(english.duration(9_960), "10 s");
  assert.equal(english.duration(59_900), "59 s");
  assert.equal(english.duration(3 * 60_000), "3 min");
  assert.equal(turkish.duration(5 * 3_600_000), "5 sa");
  assert.equal(english.duration(-20), "0.0 s");
});

test("instants are written in the zone asked for, on a clock of 24 hours", () => {
  const midnight = Date.parse("2026-11-20T21:00:00Z");
  assert.equal(english.clock(midnight), "00:00");
  assert.equal(createFormats("en", "UTC").clock(midnight), "21:00");
  assert.equal(turkish.day(midnight), "21 Kas");
});

test("changes carry their sign, shares their unit", () => {
  assert.equal(english.change(0.1234), "+12.3%");
  assert.equal(english.change(-0.5), "-50%");
  assert.equal(english.change(2293.002), "×2,294");
  assert.equal(turkish.percent(0.041), "%4,1");
  assert.equal(english.points(0.012), "+1.2");
});
