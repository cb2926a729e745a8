import assert from "node:assert/strict";
import { test } from "node:test";
import type { RawEvent } from "@weir/protocol";
import { arrive, clear, emptyFeed, eventRow, fillBelow, maxRows, pause, resume } from "./feed.ts";
import {
  addValue,
  emptyFilter,
  frameFilter,
  matches,
  readFilter,
  removeValue,
  replaceValue,
  writeFilter,
} from "./filter.ts";
import { emptyFlow, flowAt, flowLine, flowSeconds, ratePerSecond } from "./flow.ts";
import { jsonLines, previewOf } from "./json-lines.ts";

function event(id: string, more: Partial<RawEvent> = {}): RawEvent {
  return {
    event_id: id,
    event_type: "purchase",
    source: "shop",
    format: "native",
    received_at: "2026-11-21T00:00:00Z",
    occurred_at: "2026-11-21T00:00:00Z",
    user_id: "u1",
    product_id: null,
    payload: {},
    ...more,
  };
}
const rows = (...ids: string[]) => ids.map((id) => eventRow(event(id)));
const ids = (feed: { rows: readonly { key: string }[] }) =>
  feed.rows.map(({ key }) => key.replace("shop ", ""));

test("the newest event is first", () => {
  assert.deepEqual(ids(arrive(arrive(emptyFeed, rows("a", "b")), rows("c"))), ["c", "b", "a"]);
});

test("a paused list does not change, counts new events, and shows them all when resumed", () => {
  let feed = pause(arrive(emptyFeed, rows("a")));
  for (let index = 0; index < 137; index++) feed = arrive(feed, rows(`n${index}`));
  assert.deepEqual(ids(feed), ["a"]);
  assert.equal(feed.heldCount, 137);
  feed = resume(feed);
  assert.equal(feed.rows.length, 138);
  assert.equal(feed.heldCount, 0);
  assert.equal(ids(feed)[0], "n136");
});

test("the number of rows is limited, paused or not", () => {
  const many = Array.from({ length: maxRows * 3 }, (_, index) => `e${index}`);
  assert.equal(arrive(emptyFeed, rows(...many)).rows.length, maxRows);
  const paused = arrive(pause(emptyFeed), rows(...many));
  assert.equal(paused.held.length, maxRows);
  assert.equal(paused.heldCount, maxRows * 3);
  assert.equal(resume(paused).rows.length, maxRows);
});

test("an event is shown once, whether it comes from the feed or from storage", () => {
  const feed = fillBelow(arrive(emptyFeed, rows("b", "a")), [event("a"), event("z")]);
  assert.deepEqual(ids(feed), ["a", "b", "z"]);
  assert.equal(arrive(feed, rows("z")), feed);
  const other = eventRow(event("z", { source: "app" }));
  assert.equal(arrive(feed, [other]).rows.length, 4);
});

test("a new filter empties the list and keeps the pause", () => {
  const feed = clear(arrive(pause(arrive(emptyFeed, rows("a"))), rows("b")));
  assert.deepEqual([feed.rows.length, feed.heldCount, feed.paused], [0, 0, true]);
});

test("a filter survives being written to an address and read again", () => {
  const text = "type=purchase&type=Order+Completed&source=shop&user=u+1";
  assert.equal(writeFilter(readFilter(new URLSearchParams(text))).toString(), text);
});

test("several types and sources are kept, a new user replaces the old one", () => {
  let filter = addValue(addValue(emptyFilter, "event_type", "a"), "event_type", " b ");
  filter = addValue(addValue(filter, "user_id", "u1"), "user_id", "u2");
  assert.deepEqual(frameFilter(filter), { event_type: ["a", "b"], user_id: "u2" });
  assert.equal(addValue(filter, "event_type", "a"), filter);
  filter = replaceValue(filter, "event_type", { value: "a", next: "b" });
  assert.deepEqual(filter.event_type, ["b"]);
  filter = replaceValue(filter, "event_type", { value: "b", next: " " });
  assert.deepEqual(frameFilter(removeValue(filter, "user_id", "u2")), {});
});

test("an event matches when every filtered field has one of the values", () => {
  const filter = readFilter(new URLSearchParams("type=purchase&type=refund&user=u1"));
  assert.ok(matches(filter, event("a")));
  assert.ok(!matches(filter, event("a", { event_type: "view" })));
  assert.ok(!matches(filter, event("a", { user_id: null })));
});

test("the rate is that of the last ten whole seconds, and falls to zero without events", () => {
  let flow = emptyFlow(100);
  for (let second = 100; second < 111; second++) flow = flowAt(flow, second, 5);
  assert.equal(ratePerSecond(flow), 5);
  flow = flowAt(flow, 10_000, 0);
  assert.equal(ratePerSecond(flow), 0);
  assert.equal(flow.counts.length, flowSeconds);
  assert.equal(flowLine(flow, 600, 40).split(" ").length, flowSeconds - 1);
});

test("JSON is shown as JSON.stringify writes it, with all kinds of values", () => {
  const value = { a: [1, "x\n", null, true, {}, []], "b c": { d: 1e21 } };
  const text = jsonLines(value)
    .map(({ depth, pieces }) => "  ".repeat(depth) + pieces.map((piece) => piece.text).join(""))
    .join("\n");
  assert.equal(text, JSON.stringify(value, null, 2));
});

test("a preview omits what the row already shows, and is short for any payload", () => {
  assert.equal(previewOf({ event_id: "1", user_id: "u", n: 1, s: "x", none: null }), 'n 1  s "x"');
  assert.equal(previewOf(null), "null");
  assert.ok(previewOf({ long: "x".repeat(9_999) }).length <= 240);
});
