import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { until } from "../../../../testing/until.ts";
import { BreakerOpenError, CallTimeoutError, type Guard } from "../../core/ports/guard.ts";
import { createResilience } from "./resilience.ts";
import { retryDelay } from "./retry-delay.ts";
import { type BreakerSettings, type RetryPolicySettings, strategyNames } from "./settings.ts";

class Unavailable extends Error {
  readonly retryable = true;
}
class Poison extends Error {}

const once: RetryPolicySettings = { strategy: "FIXED", attempts: 1, base_ms: 1, max_ms: 1 };
const calm: BreakerSettings = {
  consecutive_failures: 3,
  failure_rate: 1,
  window_calls: 10,
  open_ms: 60_000,
  half_open_calls: 1,
};

/** One guard `store`; what is changed in `now` is a change of settings at run time. */
function makeGuard(start: {
  readonly policy?: RetryPolicySettings;
  readonly breaker?: Partial<BreakerSettings>;
  readonly timeoutMs?: number;
}) {
  const now = {
    policy: start.policy ?? once,
    breaker: { ...calm, ...start.breaker },
    timeoutMs: start.timeoutMs ?? 5_000,
  };
  const seen: string[] = [];
  const resilience = createResilience({
    settings: () => ({
      policies: {
        DEFAULT: now.policy,
        AGGRESSIVE: once,
        CONSERVATIVE: once,
        NETWORK: once,
      },
      guards: {
        default: { policy: "DEFAULT", timeout_ms: now.timeoutMs, breaker: now.breaker },
      },
      named_guards: {},
      max_named_guards: 10,
    }),
    onStateChange: (_, state) => seen.push(state),
    onRetry: () => seen.push("retry"),
    onFailure: (_, kind) => seen.push(kind),
  });
  return { guard: resilience.guard("store"), resilience, now, seen };
}

const fail = () => Promise.reject(new Unavailable("unavailable"));
const allows = (guard: Guard) =>
  until(() => guard.retryAfterMs === 0, { what: "the breaker to let a call through" });

test("delays grow by their strategy and never exceed the maximum", () => {
  const policy = fc.record({
    strategy: fc.constantFrom(...strategyNames),
    attempts: fc.constant(5),
    base_ms: fc.integer({ min: 1, max: 60_000 }),
    max_ms: fc.integer({ min: 1, max: 600_000 }),
  });
  const random = fc.double({ min: 0, max: 0.999, noNaN: true });
  fc.assert(
    fc.property(policy, fc.integer({ min: 1, max: 40 }), random, (settings, retry, drawn) => {
      const delay = retryDelay(settings, retry, () => drawn);
      const { strategy, base_ms, max_ms } = settings;
      const growth = { FIXED: 1, LINEAR: retry, EXPONENTIAL: 2 ** (retry - 1) };
      if (strategy !== "EXPONENTIAL_JITTER") {
        assert.equal(delay, Math.min(max_ms, base_ms * growth[strategy]));
      } else {
        const most = Math.min(max_ms, base_ms * growth.EXPONENTIAL);
        assert.ok(delay >= most / 2 && delay <= most, `${delay} of ${most}`);
      }
    }),
  );
});

test("a call to an unavailable dependency is retried as the policy says; a poison is not", async () => {
  const policy: RetryPolicySettings = { ...once, attempts: 3 };
  const { guard, seen } = makeGuard({ policy, breaker: { consecutive_failures: 0 } });
  let calls = 0;
  assert.equal(await guard.execute(async () => (++calls < 3 ? fail() : "answer")), "answer");
  assert.deepEqual(seen, ["unavailable", "retry", "unavailable", "retry"]);

  calls = 0;
  await assert.rejects(
    guard.execute(() => {
      calls++;
      return fail();
    }),
    Unavailable,
  );
  assert.equal(calls, 3);

  calls = 0;
  const poison = guard.execute(() => {
    calls++;
    return Promise.reject(new Poison());
  });
  await assert.rejects(poison, Poison);
  assert.equal(calls, 1);
});

test("enough consecutive failures open the breaker; then no call is made and none waits", async () => {
  const { guard, seen, resilience } = makeGuard({});
  for (let n = 0; n < 3; n++) await assert.rejects(guard.execute(fail), Unavailable);
  assert.equal(guard.state, "OPEN");
  assert.equal(resilience.states().get("store")?.state, "OPEN");
  let called = false;
  const refused = guard.execute(async () => {
    called = true;
  });
  await assert.rejects(refused, (error: unknown) => {
    assert.ok(error instanceof BreakerOpenError && error.retryable);
    assert.ok(error.retryAfterMs > 50_000 && error.retryAfterMs <= 60_000);
    return true;
  });
  assert.equal(called, false);
  assert.deepEqual(seen, ["unavailable", "unavailable", "unavailable", "OPEN"]);
});

test("a breaker that opens during retries gives the last error, without further calls", async () => {
  const policy: RetryPolicySettings = { ...once, attempts: 10 };
  const { guard } = makeGuard({ policy });
  let calls = 0;
  const gone = guard.execute(() => {
    calls++;
    return fail();
  });
  await assert.rejects(gone, Unavailable);
  assert.equal(calls, 3);
});

test("poison does not open a breaker: the dependency answers", async () => {
  const { guard } = makeGuard({});
  for (let n = 0; n < 9; n++) {
    await assert.rejects(
      guard.execute(() => Promise.reject(new Poison())),
      Poison,
    );
  }
  assert.equal(guard.state, "CLOSED");
});

test("a high share of failures opens the breaker too, without consecutive ones", async () => {
  const breaker = { consecutive_failures: 0, failure_rate: 0.5, window_calls: 5 };
  const { guard } = makeGuard({ breaker });
  for (const good of [false, true, false, true]) {
    const work = () => (good ? Promise.resolve() : fail());
    await guard.execute(work).catch(() => {});
  }
  assert.equal(guard.state, "CLOSED");
  await assert.rejects(guard.execute(fail), Unavailable);
  assert.equal(guard.state, "OPEN");
});

test("after its open time a breaker allows one trial, and all calls once that succeeded", async () => {
  const { guard, seen } = makeGuard({ breaker: { consecutive_failures: 1, open_ms: 40 } });
  await assert.rejects(guard.execute(fail), Unavailable);
  assert.ok(guard.retryAfterMs > 0);
  await allows(guard);
  const trial = Promise.withResolvers<void>();
  const first = guard.execute(() => trial.promise);
  assert.equal(guard.state, "HALF_OPEN");
  await assert.rejects(
    guard.execute(async () => {}),
    BreakerOpenError,
    "a second call beside the trial",
  );
  trial.resolve();
  await first;
  await guard.execute(async () => {});
  assert.deepEqual(seen, ["unavailable", "OPEN", "HALF_OPEN", "CLOSED"]);
});

test("a trial that its caller aborted does not close the breaker", async () => {
  const { guard } = makeGuard({ breaker: { consecutive_failures: 1, open_ms: 20 } });
  await assert.rejects(guard.execute(fail), Unavailable);
  await allows(guard);
  const stop = new AbortController();
  const trial = guard.execute(() => new Promise(() => {}), stop.signal);
  stop.abort(new Error("enough"));
  await assert.rejects(trial, /enough/);
  assert.equal(guard.state, "OPEN");
});

test("an attempt that takes too long ends, counts as a failure, and its signal aborts", async () => {
  const { guard, seen } = makeGuard({ timeoutMs: 20 });
  let given: AbortSignal | undefined;
  const slow = guard.execute((inner) => {
    given = inner;
    return new Promise(() => {});
  });
  await assert.rejects(slow, CallTimeoutError);
  assert.equal(given?.aborted, true);
  assert.deepEqual(seen, ["timeout"]);
});

test("an abort ends a call and a wait for a retry at once, and does not count as a failure", async () => {
  const policy: RetryPolicySettings = { ...once, attempts: 3, base_ms: 60_000, max_ms: 60_000 };
  const { guard, seen } = makeGuard({ policy, timeoutMs: 60_000 });
  const stop = new AbortController();
  const hanging = guard.execute(() => new Promise(() => {}), stop.signal);
  const waiting = guard.execute(fail, stop.signal);
  await until(() => seen.length === 1, { what: "the first attempt to fail" });
  stop.abort(new Error("enough"));
  await assert.rejects(hanging, /enough/);
  await assert.rejects(waiting, /enough/);
  assert.deepEqual(seen, ["unavailable"]);
  assert.equal(guard.state, "CLOSED");
  await assert.rejects(
    guard.execute(() => assert.fail("called"), stop.signal),
    /enough/,
  );
});

test("settings change at run time and the breaker keeps its state", async () => {
  const { guard, now } = makeGuard({});
  await assert.rejects(guard.execute(fail), Unavailable);
  await assert.rejects(guard.execute(fail), Unavailable);
  now.breaker = { ...now.breaker, consecutive_failures: 4 };
  await assert.rejects(guard.execute(fail), Unavailable);
  assert.equal(guard.state, "CLOSED", "three of four");
  await assert.rejects(guard.execute(fail), Unavailable);
  assert.equal(guard.state, "OPEN");

  now.breaker = { ...now.breaker, consecutive_failures: 9 };
  assert.equal(guard.state, "OPEN", "still unavailable");
  now.breaker = { ...now.breaker, open_ms: 10 };
  await allows(guard);
  now.policy = { ...once, attempts: 2 };
  let calls = 0;
  await guard
    .execute(async () => {
      if (++calls === 1) throw new Unavailable("unavailable");
    })
    .catch(() => {});
  assert.equal(guard.state, "OPEN", "a trial that fails is not repeated");
  await allows(guard);
  await guard.execute(async () => {});
  assert.equal(guard.state, "CLOSED");
});
