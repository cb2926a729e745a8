import assert from "node:assert/strict";
import { test } from "node:test";
import { compileFilter, type FilteredEvent, filterLimits } from "./event-filter.ts";

const event: FilteredEvent = {
  event_type: "purchase",
  source: "shop",
  user_id: "u1",
  product_id: null,
  amount: "129.90",
  currency: "TRY",
  occurred_at: "2027-01-31T12:00:00.000000Z",
  received_at: "2027-01-31T12:00:01.000000Z",
  event: {
    properties: {
      plan: "gold",
      total: "10.50",
      count: 3,
      "a.b": true,
      tags: ["new", 7],
      lines: [{ id: "p1" }],
      nothing: null,
    },
  },
};

function matches(expression: unknown): boolean {
  const filter = compileFilter(expression);
  assert.ok(!("pointer" in filter), JSON.stringify(filter));
  return filter.matches(event);
}

const condition = (path: unknown, op: string, value: unknown) => ({ path, op, value });

test("each operator matches what it says", () => {
  const yes: unknown[] = [
    condition("source", "eq", "shop"),
    condition("source", "ne", "desk"),
    condition("event.properties.plan", "in", ["silver", "gold"]),
    condition("amount", "gte", 129.9),
    condition("amount", "eq", 129.9),
    condition("event.properties.total", "gt", 10),
    condition("event.properties.count", "lte", 3),
    condition("occurred_at", "lt", "2027-02-01"),
    condition("event.properties.tags", "contains", 7),
    condition("event.properties.plan", "contains", "ol"),
    condition("event.properties.nothing", "exists", false),
    condition("event.properties.plan", "exists", true),
    condition("product_id", "eq", null),
    condition("event.properties.lines.0.id", "eq", "p1"),
    condition(["event", "properties", "a.b"], "eq", true),
  ];
  for (const expression of yes) {
    assert.equal(matches(expression), true, JSON.stringify(expression));
    assert.equal(matches({ not: expression }), false, JSON.stringify(expression));
  }
});

test("a value of another kind does not match, and nothing is coerced", () => {
  const no: unknown[] = [
    condition("event.properties.plan", "gt", 1),
    condition("event.properties.count", "eq", "3"),
    condition("event.properties.count", "contains", 3),
    condition("event.properties.lines", "eq", null),
    condition("event.properties.missing.deeper", "exists", true),
    condition("event.constructor", "exists", true),
    condition("event.properties.__proto__", "exists", true),
    condition("event.properties.tags.length", "exists", true),
  ];
  for (const expression of no) assert.equal(matches(expression), false, JSON.stringify(expression));
});

test("groups combine: all of, any of, none of", () => {
  const shop = condition("source", "eq", "shop");
  const desk = condition("source", "eq", "desk");
  assert.equal(matches({ and: [shop, { not: desk }] }), true);
  assert.equal(matches({ and: [shop, desk] }), false);
  assert.equal(matches({ or: [desk, shop] }), true);
  assert.equal(matches({ not: { or: [desk, desk] } }), true);
});

test("an expression that looks only at the envelope does not need the event", () => {
  const filter = compileFilter(condition("source", "eq", "shop"));
  assert.ok(!("pointer" in filter));
  assert.equal(filter.readsEvent, false);
});

test("a wrong expression is refused with the place of its mistake", () => {
  const deep = (levels: number): unknown =>
    levels === 0 ? condition("source", "eq", "a") : { not: deep(levels - 1) };
  const many = Array.from({ length: filterLimits.conditions + 1 }, () =>
    condition("source", "eq", "a"),
  );
  const wrong: readonly (readonly [unknown, string])[] = [
    [null, ""],
    [[], ""],
    ["source = 'shop'", ""],
    [{}, "/path"],
    [{ and: [] }, "/and"],
    [{ and: [condition("source", "eq", "a"), 1] }, "/and/1"],
    [{ or: [{ not: condition("source", "like", "a") }] }, "/or/0/not/op"],
    [condition("sources", "eq", "a"), "/path"],
    [condition("source.name", "eq", "a"), "/path"],
    [condition("event..a", "eq", "a"), "/path"],
    [condition("source", "in", []), "/value"],
    [condition("source", "in", ["a", {}]), "/value/1"],
    [condition("source", "eq", { a: 1 }), "/value"],
    [condition("source", "exists", "yes"), "/value"],
    [condition("amount", "gt", true), "/value"],
    [{ ...condition("source", "eq", "a"), else: 1 }, ""],
    [condition("source", "eq", "a\0"), "/value"],
    [condition("source", "lt", "a\ud800"), "/value"],
    [condition(["event", "a\0"], "eq", "a"), "/path"],
    [deep(filterLimits.depth), "/not/not/not/not/not/not"],
    [{ or: many }, ""],
    [condition("source", "eq", "x".repeat(filterLimits.bytes)), ""],
    [condition(`event.${"a.".repeat(20)}b`, "eq", 1), "/path"],
  ];
  for (const [expression, pointer] of wrong) {
    const filter = compileFilter(expression);
    assert.ok("pointer" in filter, JSON.stringify(expression).slice(0, 100));
    assert.equal(
      filter.pointer,
      pointer,
      `${JSON.stringify(expression).slice(0, 100)}: ${filter.detail}`,
    );
  }
});
