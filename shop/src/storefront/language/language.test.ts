import assert from "node:assert/strict";
import { test } from "node:test";
import { formats } from "./format.ts";
import { languages, preferredLanguage, texts } from "./language.ts";

/** Texts by their path, functions called with a mark for each argument. */
function flatten(value: object, path = ""): Map<string, string> {
  const found = new Map<string, string>();
  for (const [key, member] of Object.entries(value)) {
    const name = path === "" ? key : `${path}.${key}`;
    if (typeof member === "function") {
      const marks = Array.from({ length: member.length }, (_, index) => `⟦${index}⟧`);
      found.set(name, String(member(...marks)));
    } else if (typeof member === "string") found.set(name, member);
    else for (const [inner, text] of flatten(member, name)) found.set(inner, text);
  }
  return found;
}

test("both languages are complete: the same texts, none empty, each naming the same things", () => {
  const [english, turkish] = languages.map((language) => flatten(texts[language]));
  assert.ok(english !== undefined && turkish !== undefined);
  assert.deepEqual([...turkish.keys()].sort(), [...english.keys()].sort());
  assert.ok(english.size > 150);
  for (const [name, text] of [...english, ...turkish]) {
    assert.ok(text.trim() === text && text.length > 0, `${name} is empty or padded`);
    assert.doesNotMatch(text, /undefined|TODO|--/, name);
  }
  for (const [name, text] of english) {
    const marks = (of: string | undefined) =>
      [...(of ?? "").matchAll(/⟦\d⟧/g)].join().split(",").sort();
    assert.deepEqual(marks(turkish.get(name)), marks(text), name);
  }
  const same = [...english]
    .filter(([name, text]) => turkish.get(name) === text)
    .map(([name]) => name);
  assert.deepEqual(same, ["shopName", "messageBy"], "not translated");
});

test("the browser's languages decide, by weight", () => {
  assert.equal(preferredLanguage(undefined), "en");
  assert.equal(preferredLanguage("tr-TR,tr;q=0.9,en;q=0.8"), "tr");
  assert.equal(preferredLanguage("de, en;q=0.5, tr;q=0.7"), "tr");
  assert.equal(preferredLanguage("tr;q=0, fr"), "en");
  assert.equal(preferredLanguage(";;,=,q"), "en");
});

test("money keeps its digits; prices and dates are written as the language does", () => {
  assert.equal(formats.en.money("1234.50", "GBP"), "£1,234.50");
  assert.equal(formats.tr.money("1234.50", "GBP"), "£1.234,50");
  assert.equal(formats.en.money("9007199254740993.01", "GBP"), "£9,007,199,254,740,993.01");
  assert.equal(formats.en.date("2026-01-15T10:30:00Z"), "15 January 2026");
  assert.equal(formats.tr.date("2026-01-15T10:30:00Z"), "15 Ocak 2026");
  assert.match(formats.tr.time("2026-01-15T10:30:00Z"), /15 Ocak 2026.*10:30/);
});
