import assert from "node:assert/strict";
import { test } from "node:test";
import { step } from "./connection.ts";
import type { ConnectionEvent, ConnectionState } from "./connection-state.ts";
import { pauseMs } from "./connection-steps.ts";

const states: readonly ConnectionState[] = [
  { name: "idle" },
  { name: "connecting", cursor: undefined, attempt: 0 },
  { name: "open", cursor: "c1", silenceMs: 37_500 },
  { name: "waiting", cursor: "c1", attempt: 2, waitMs: 800, reason: undefined },
  { name: "offline", cursor: "c1" },
  { name: "stopped", cursor: "c1", reason: "forbidden" },
];
const events: readonly ConnectionEvent[] = [
  { type: "start" },
  { type: "stop" },
  { type: "frame", frame: { type: "hello", cursor: "c0", heartbeat_s: 15 } },
  { type: "frame", frame: { type: "heartbeat", cursor: "c2", at: "2026-11-21T00:00:00Z" } },
  { type: "frame", frame: { type: "gap", cursor: "c3", reason: "too old" } },
  { type: "frame", frame: { type: "bye", code: "slow_reader", detail: "" } },
  { type: "closed", code: 1006, random: 0.5 },
  { type: "silent", random: 0.5 },
  { type: "retry" },
  { type: "offline" },
  { type: "online" },
  { type: "refused", reason: "unauthenticated" },
];

const run = (state: ConnectionState, ...list: ConnectionEvent[]) =>
  list.reduce<ConnectionState>((now, event) => step(now, event)[0], state);

test("every state accepts every event, and `stop` ends each of them", () => {
  for (const state of states) {
    for (const event of events) {
      const [next] = step(state, event);
      assert.ok(states.some(({ name }) => name === next.name));
      assert.equal(step(next, { type: "stop" })[0].name, "idle");
    }
  }
});

test("no sequence of events loses the cursor of what was read last", () => {
  const open = run({ name: "idle" }, { type: "start" }, ...events.slice(2, 4));
  assert.equal(open.name, "open");
  for (const first of events.slice(2)) {
    for (const second of events.slice(2)) {
      const state = run(open, first, second);
      if (state.name === "idle") continue;
      assert.ok("cursor" in state && state.cursor !== undefined, `${first.type}, ${second.type}`);
    }
  }
});

test("a disconnected feed continues from its last cursor, after a growing pause with jitter", () => {
  let state = run({ name: "idle" }, { type: "start" }, ...events.slice(2, 4));
  const waits: number[] = [];
  for (let attempt = 0; attempt < 8; attempt++) {
    const [waiting, effects] = step(state, { type: "closed", code: 1006, random: 0.5 });
    assert.ok(effects.some((effect) => effect.do === "find-reason"));
    assert.equal(waiting.name, "waiting");
    waits.push(waiting.name === "waiting" ? waiting.waitMs : 0);
    const [connecting, opening] = step(waiting, { type: "retry" });
    assert.deepEqual(
      opening.find((effect) => effect.do === "open"),
      { do: "open", cursor: "c2" },
    );
    state = connecting;
  }
  assert.deepEqual(
    waits,
    [...waits].sort((a, b) => a - b),
  );
  assert.ok((waits.at(-1) ?? 0) <= 15_000);
  assert.ok(pauseMs(0, 0) < pauseMs(0, 0.99));
});

test("a revoked key or a missing permission stops the feed until it is started again", () => {
  const open: ConnectionState = { name: "open", cursor: "c1", silenceMs: 1 };
  const revoked = run(open, { type: "closed", code: 4401, random: 0 });
  assert.deepEqual(revoked, { name: "stopped", cursor: "c1", reason: "unauthenticated" });
  const forbidden = run(
    open,
    { type: "frame", frame: { type: "bye", code: "forbidden", detail: "" } },
    { type: "closed", code: 4403, random: 0 },
    { type: "online" },
    { type: "retry" },
  );
  assert.equal(forbidden.name, "stopped");
  assert.equal(run(forbidden, { type: "start" }).name, "connecting");
});

test("a slow reader keeps the reason of its disconnection, and reconnects", () => {
  const open: ConnectionState = { name: "open", cursor: "c1", silenceMs: 1 };
  const state = run(
    open,
    { type: "frame", frame: { type: "bye", code: "slow_reader", detail: "" } },
    { type: "closed", code: 4408, random: 0 },
  );
  assert.equal(state.name === "waiting" && state.reason, "slow_reader");
  assert.equal(run(state, { type: "retry" }).name, "connecting");
});

test("a `bye` without a close has a time limit", () => {
  const open: ConnectionState = { name: "open", cursor: "c1", silenceMs: 1 };
  const [, effects] = step(open, {
    type: "frame",
    frame: { type: "bye", code: "going_away", detail: "" },
  });
  assert.ok(effects.some((effect) => effect.do === "wait"));
});

test("silence counts as a disconnection, and every frame restarts its timer", () => {
  const open: ConnectionState = { name: "open", cursor: "c1", silenceMs: 37_500 };
  const [, heard] = step(open, {
    type: "frame",
    frame: { type: "heartbeat", cursor: "c2", at: "" },
  });
  assert.deepEqual(heard, [{ do: "watch", ms: 37_500 }]);
  const [silent, effects] = step(open, { type: "silent", random: 0 });
  assert.equal(silent.name, "waiting");
  assert.ok(effects.some((effect) => effect.do === "close"));
});

test("without a network there is no attempt; when it returns, there is one at once", () => {
  const open: ConnectionState = { name: "open", cursor: "c1", silenceMs: 1 };
  const offline = run(open, { type: "offline" }, { type: "retry" });
  assert.equal(offline.name, "offline");
  const [, effects] = step(offline, { type: "online" });
  assert.ok(effects.some((effect) => effect.do === "open" && effect.cursor === "c1"));
});
