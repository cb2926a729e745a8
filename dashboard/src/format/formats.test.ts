import assert from "node:assert/strict";
import { test } from "node:test";
import { createFormats } from "./formats.ts";

const english = createFormats("en", "Europe/Istanbul");
const turkish = createFormats("tr", "Europe/Istanbul");

const plainSpaces = (text: string) => text.replaceAll("\u00a0", " ");

test("compact numbers use the suffixes that readers of the language expect", () => {
  const cases: readonly [value: number, en: string, tr: string][] = [
    [999, "999", "999"],
    [2_100, "2.1K", "2,1 bin"],
    [-2_100, "-2.1K", "-2,1 bin"],
    [3_400_000, "3.4M", "3,4 mn"],
    [1_200_000_000, "1.2B", "1,2 mr"],
    [-4_500_000_000_000, "-4.5T", "-4,5 tn"],
  ];
  for (const [value, en, tr] of cases) {
    assert.equal(plainSpaces(english.compact(value)), en);
    assert.equal(plainSpaces(turkish.compact(value)), tr);
  }
});

test("compact amounts keep the sign and the currency, whose symbol precedes the number", () => {
  assert.equal(english.money("2100", "USD", true), "$2.1K");
  assert.equal(english.money("-3400000", "EUR", true), "-€3.4M");
  assert.equal(plainSpaces(turkish.money("2100", "USD", true)), "$2,1 bin");
  assert.equal(plainSpaces(turkish.money("-3400000", "TRY", true)), "-₺3,4 mn");
  assert.equal(plainSpaces(turkish.money("1200000000", "EUR", true)), "€1,2 mr");
  assert.equal(plainSpaces(turkish.money("2100", "CHF", true)), "CHF 2,1 bin");
  assert.equal(plainSpaces(turkish.money("2100", "POINTS", true)), "POINTS 2,1 bin");
});

test("separators are those of the language, and counts are whole up to ten million", () => {
  assert.equal(english.count(1_234_567), "1,234,567");
  assert.equal(turkish.count(1_234_567), "1.234.567");
  assert.equal(english.count(12_345_678), "12.3M");
  assert.equal(plainSpaces(turkish.count(12_345_678)), "12,3 mn");
  assert.equal(english.decimal(1_234.56), "1,234.6");
  assert.equal(turkish.decimal(1_234.56), "1.234,6");
  assert.equal(english.plain(1_299.5), "1299.5");
  assert.equal(turkish.plain(1_299.5), "1299,5");
});

test("an amount keeps every digit that a double would lose", () => {
  assert.equal(english.money("9007199254740993.25", "TRY"), "₺9,007,199,254,740,993.25");
  assert.equal(turkish.money("1299.99", "TRY"), "₺1.299,99");
});

test("a currency code that does not have the form of ISO 4217 precedes the number", () => {
  assert.equal(english.money("12.5", "POINTS"), "POINTS 12.5");
});

test("durations are short and in the units of the language", () => {
  assert.equal(english.duration(440), "0.4 s");
  assert.equal(turkish.duration(440), "0,4 sn");
  assert.equal(english.duration(9_960), "10 s");
  assert.equal(english.duration(59_900), "59 s");
  assert.equal(english.duration(3 * 60_000), "3 min");
  assert.equal(turkish.duration(5 * 3_600_000), "5 sa");
  assert.equal(english.duration(-20), "0.0 s");
});

test("instants are written in the given zone, on a 24-hour clock", () => {
  const midnight = Date.parse("2026-11-20T21:00:00Z");
  assert.equal(english.clock(midnight), "00:00");
  assert.equal(createFormats("en", "UTC").clock(midnight), "21:00");
  assert.equal(turkish.day(midnight), "21 Kas");
});

test("changes have a sign, shares a unit", () => {
  assert.equal(english.change(0.1234), "+12.3%");
  assert.equal(english.change(-0.5), "-50%");
  assert.equal(english.change(2293.002), "×2,294");
  assert.equal(turkish.percent(0.041), "%4,1");
  assert.equal(english.points(0.012), "+1.2");
});
