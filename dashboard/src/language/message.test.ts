import assert from "node:assert/strict";
import { test } from "node:test";
import { createFormats } from "../format/formats.ts";
import { fillMessage, type Texts, translationOf } from "./message.ts";

const english = createFormats("en", "UTC");
const turkish = createFormats("tr", "UTC");

test("the count selects the plural form, and numbers are written as in the language", () => {
  const message = { one: "Show {count} new event", other: "Show {count} new events" };
  assert.equal(fillMessage(message, { count: 1 }, english), "Show 1 new event");
  assert.equal(fillMessage(message, { count: 13_700 }, english), "Show 13,700 new events");
  assert.equal(fillMessage("{count} etkinlik", { count: 13_700 }, turkish), "13.700 etkinlik");
});

test("a value is never read as a placeholder", () => {
  const text = fillMessage("{field} {value}", { field: "{value}", value: "x" }, english);
  assert.equal(text, "{value} x");
});

test("the compiler refuses a translation that does not fit its source", () => {
  const source = {
    name: "Weir",
    age: "{age} ago",
    events: { one: "{count} event", other: "{count} events" },
  } as const satisfies Texts;
  const translate = translationOf<typeof source>();
  const events = { one: "{count} etkinlik", other: "{count} etkinlik" } as const;
  translate({ name: "Weir", age: "{age} önce", events });
  // @ts-expect-error: a placeholder has another name
  translate({ name: "Weir", age: "{yas} önce", events });
  // @ts-expect-error: a placeholder is missing
  translate({ name: "Weir", age: "önce", events });
  // @ts-expect-error: a placeholder is unknown
  translate({ name: "Weir {version}", age: "{age} önce", events });
  // @ts-expect-error: a key is missing
  translate({ name: "Weir", age: "{age} önce" });
  // @ts-expect-error: a key is unknown
  translate({ name: "Weir", age: "{age} önce", events, other: "x" });
  // @ts-expect-error: the plural form is missing
  translate({ name: "Weir", age: "{age} önce", events: "{count} etkinlik" });
});
