import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { describeTable, effects, signals, states, table } from "./states.ts";

test("the table has exactly one cell for each state and signal, naming known states and effects", () => {
  assert.deepEqual(Object.keys(table).sort(), [...states].sort());
  for (const state of states) {
    assert.deepEqual(Object.keys(table[state]).sort(), [...signals].sort(), state);
    for (const signal of signals) {
      const [next, effect] = table[state][signal];
      assert.ok(states.includes(next), `${state} x ${signal} leads to a known state`);
      assert.ok(effects.includes(effect), `${state} x ${signal} has a known effect`);
    }
  }
});

test("README.md shows the table that the code uses", () => {
  const readme = readFileSync(new URL("../README.md", import.meta.url), "utf8");
  assert.ok(readme.includes(describeTable()), `put this into sdk/README.md:\n${describeTable()}`);
});

test("a request starts exactly when `sending` is entered or re-entered", () => {
  for (const state of states) {
    for (const signal of signals) {
      const [next, effect] = table[state][signal];
      if (effect === "send") assert.equal(next, "sending", `${state} x ${signal}`);
      if (next === "sending" && state !== "sending") assert.equal(effect, "send");
    }
  }
});

test("there is never more than one request at a time", () => {
  const answers = new Set(["settled_empty", "settled_some", "settled_ready", "failed"]);
  for (const signal of signals) {
    if (answers.has(signal)) continue;
    assert.notEqual(table.sending[signal][1], "send", signal);
  }
});

test("closed is final, refused ends only with a new key, and every state can be closed", () => {
  for (const signal of signals) {
    assert.deepEqual(table.closed[signal], ["closed", "none"]);
    const expected =
      signal === "key_changed" ? "sending" : signal === "close" ? "closed" : "refused";
    assert.equal(table.refused[signal][0], expected);
  }
  for (const state of states) assert.equal(table[state].close[0], "closed");
});

test("the states with a timer are the ones that a timer leaves", () => {
  for (const state of ["collecting", "waiting"] as const) {
    assert.deepEqual(table[state].due, ["sending", "send"]);
  }
});
