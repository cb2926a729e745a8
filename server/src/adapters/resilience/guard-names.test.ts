import assert from "node:assert/strict";
import { test } from "node:test";
import { until } from "../../../../testing/until.ts";
import { BreakerOpenError, CallTimeoutError, GuardLimitError } from "../../core/ports/guard.ts";
import { createResilience } from "./resilience.ts";
import {
  type BreakerSettings,
  type GuardSettings,
  type ResilienceSettings,
  type RetryPolicySettings,
  settingsOf,
} from "./settings.ts";

class Unavailable extends Error {
  readonly retryable = true;
}

const once: RetryPolicySettings = { strategy: "FIXED", attempts: 1, base_ms: 1, max_ms: 1 };
const breaker: BreakerSettings = {
  consecutive_failures: 1,
  failure_rate: 1,
  window_calls: 10,
  open_ms: 60_000,
  half_open_calls: 1,
};
const base: GuardSettings = { policy: "DEFAULT", timeout_ms: 5_000, breaker };

/** `now` may be changed: a change of settings at run time. */
function makeGuards(changes: Partial<ResilienceSettings> = {}) {
  const now: { settings: ResilienceSettings } = {
    settings: {
      policies: { DEFAULT: once, AGGRESSIVE: once, CONSERVATIVE: once, NETWORK: once },
      guards: { default: base },
      named_guards: {},
      max_named_guards: 2,
      ...changes,
    },
  };
  const seen: string[] = [];
  const resilience = createResilience({
    settings: () => now.settings,
    onEvict: (guard) => seen.push(`evicted ${guard}`),
    onRefuse: (guard) => seen.push(`refused ${guard}`),
  });
  const succeed = (name: string) => resilience.guard(name).execute(async () => name);
  const fail = (name: string) =>
    assert.rejects(
      resilience.guard(name).execute(() => Promise.reject(new Unavailable())),
      Unavailable,
    );
  const names = () => [...resilience.states().keys()];
  return { resilience, now, seen, succeed, fail, names };
}

test("a guard has the settings of its name, else of its kind, else the default ones", () => {
  const delivery = { ...base, timeout_ms: 1_000 };
  const { now } = makeGuards({
    guards: { default: base, delivery },
    named_guards: { "delivery:slow": { timeout_ms: 30_000, breaker: { open_ms: 7 } } },
  });
  assert.equal(settingsOf(now.settings, "cache"), base);
  assert.equal(settingsOf(now.settings, "cache:1"), base);
  assert.equal(settingsOf(now.settings, "delivery:1"), delivery);
  assert.deepEqual(settingsOf(now.settings, "delivery:slow"), {
    ...delivery,
    timeout_ms: 30_000,
    breaker: { ...breaker, open_ms: 7 },
  });
  assert.equal(settingsOf(now.settings, "constructor"), base);
  assert.equal(settingsOf(now.settings, "delivery:__proto__"), delivery);
});

test("guards of one name share a breaker, and those of one kind do not", async () => {
  const { resilience, fail, succeed } = makeGuards();
  await fail("delivery:a");
  assert.equal(resilience.guard("delivery:a").state, "OPEN");
  await assert.rejects(succeed("delivery:a"), BreakerOpenError);
  assert.equal(await succeed("delivery:b"), "delivery:b");
});

test("a guard of a kind exists once it is named, one with an id from its first call", async () => {
  const { resilience, names, succeed } = makeGuards();
  resilience.guard("vector_store");
  const named = resilience.guard("delivery:a");
  assert.deepEqual(names(), ["vector_store"]);
  assert.equal(named.state, "CLOSED");
  assert.equal(named.retryAfterMs, 0);
  await succeed("delivery:a");
  assert.deepEqual(names(), ["vector_store", "delivery:a"]);
});

test("the least recently used idle guard makes room; guards of a kind never do", async () => {
  const { resilience, names, seen, succeed } = makeGuards();
  resilience.guard("embedder");
  for (const id of ["a", "b", "a", "c"]) await succeed(`delivery:${id}`);
  assert.deepEqual(names(), ["embedder", "delivery:a", "delivery:c"]);
  assert.deepEqual(seen, ["evicted delivery:b"]);
});

test("a new guard is refused while all others are calling or open", async () => {
  const { resilience, now, seen, fail, succeed, names } = makeGuards();
  const slow = Promise.withResolvers<void>();
  const calling = resilience.guard("delivery:calling").execute(() => slow.promise);
  await fail("delivery:open");
  await assert.rejects(succeed("delivery:new"), (error: unknown) => {
    assert.ok(error instanceof GuardLimitError && error.retryable);
    return true;
  });
  assert.deepEqual(seen, ["refused delivery:new"]);
  assert.deepEqual(names(), ["delivery:calling", "delivery:open"]);

  slow.resolve();
  await calling;
  await succeed("delivery:new");
  assert.deepEqual(names(), ["delivery:open", "delivery:new"]);

  now.settings = {
    ...now.settings,
    guards: { default: { ...base, breaker: { ...breaker, open_ms: 10 } } },
  };
  const open = resilience.guard("delivery:open");
  await until(() => open.retryAfterMs === 0, { what: "the open time to pass" });
  await succeed("delivery:newer");
  assert.deepEqual(names(), ["delivery:new", "delivery:newer"]);
});

test("a removed guard is gone and leaves its place; its call in progress ends as usual", async () => {
  const { resilience, names, seen, succeed, fail } = makeGuards({ max_named_guards: 1 });
  const slow = Promise.withResolvers<string>();
  const calling = resilience.guard("delivery:a").execute(() => slow.promise);
  resilience.remove("delivery:a");
  resilience.remove("delivery:never");
  await succeed("delivery:b");
  assert.deepEqual(names(), ["delivery:b"]);
  slow.resolve("done");
  assert.equal(await calling, "done");

  await fail("delivery:b");
  resilience.remove("delivery:b");
  assert.equal(await succeed("delivery:b"), "delivery:b", "a new one knows nothing of the old one");
  assert.deepEqual(seen, []);
});

test("a changed setting reaches guards that exist, and a lower limit with the next new guard", async () => {
  const { resilience, now, seen, succeed } = makeGuards({ max_named_guards: 3 });
  for (const id of ["a", "b", "c"]) await succeed(`delivery:${id}`);
  now.settings = {
    ...now.settings,
    named_guards: { "delivery:c": { timeout_ms: 10 } },
    max_named_guards: 1,
  };
  await assert.rejects(
    resilience.guard("delivery:c").execute(() => new Promise(() => {})),
    CallTimeoutError,
  );
  resilience.remove("delivery:c");
  await succeed("delivery:d");
  assert.deepEqual(seen, ["evicted delivery:a", "evicted delivery:b"]);
});
