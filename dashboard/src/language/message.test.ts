import assert from "node:assert/strict";
import { test } from "node:test";
import { errorCodes } from "@weir/protocol";
import { createFormats } from "../format/formats.ts";
import { en } from "./en.ts";
import { fillMessage, type Message, placeholdersOf } from "./message.ts";
import { turkishTitles } from "./problem-titles.ts";
import { tr } from "./tr.ts";

const english = createFormats("en", "UTC");
const turkish = createFormats("tr", "UTC");

test("both languages have every text, with the same placeholders", () => {
  assert.deepEqual(Object.keys(tr), Object.keys(en));
  for (const [key, message] of Object.entries(en) as [keyof typeof en, Message][]) {
    assert.deepEqual(placeholdersOf(tr[key]), placeholdersOf(message), key);
  }
});

test("no text is left in English in the Turkish catalogue by accident", () => {
  const same = Object.entries(en).filter(
    ([key, message]) => JSON.stringify(message) === JSON.stringify(tr[key as keyof typeof tr]),
  );
  const meant = ["app.name", "app.csv", "change.unknown", "search.model"];
  assert.deepEqual(
    same.map(([key]) => key),
    meant,
  );
});

test("every error code has a Turkish title", () => {
  assert.deepEqual(Object.keys(turkishTitles).sort(), [...errorCodes].sort());
});

test("the plural form follows the count, and numbers are written as the language writes them", () => {
  const message = en["live.new.show"];
  assert.equal(fillMessage(message, { count: 1 }, english), "Show 1 new event");
  assert.equal(fillMessage(message, { count: 13_700 }, english), "Show 13,700 new events");
  assert.equal(
    fillMessage(tr["live.new.show"], { count: 13_700 }, turkish),
    "13.700 yeni olayı göster",
  );
});

test("a value is never read as a placeholder", () => {
  const text = fillMessage("{field} {value}", { field: "{value}", value: "x" }, english);
  assert.equal(text, "{value} x");
});
