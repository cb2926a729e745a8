import assert from "node:assert/strict";
import { test } from "node:test";
import { Watchdog, watchdogTickMs } from "./watchdog.ts";

/** A watchdog on a clock of its own, and the names that it reported as frozen. */
function testWatchdog(limitMs: number) {
  let now = 1_000;
  const frozen: string[] = [];
  const watchdog = new Watchdog({
    limitMs,
    now: () => now,
    onFrozen: (name) => frozen.push(name),
  });
  return {
    watchdog,
    frozen,
    /** Time passes in which the watchdog runs. */
    pass(ms: number) {
      for (const end = now + ms; now < end; ) {
        now += Math.min(watchdogTickMs, end - now);
        watchdog.tick();
      }
    },
    /** Time passes in which the watchdog does not run. */
    suspend(ms: number) {
      now += ms;
      watchdog.tick();
    },
  };
}

test("a silent process is reported once per interval, one that beats never", () => {
  const { watchdog, frozen, pass } = testWatchdog(7_000);
  watchdog.beat("etl");
  for (let second = 0; second < 8; second++) {
    watchdog.beat("http");
    pass(1_000);
    if (second === 5) assert.deepEqual(frozen, []);
  }
  assert.deepEqual(frozen, ["etl"]);
  watchdog.beat("http");
  pass(5_500);
  assert.deepEqual(frozen, ["etl"]);
  watchdog.beat("http");
  pass(1_000);
  assert.deepEqual(frozen, ["etl", "etl"]);
});

test("a process that never gave a sign of life since its start is reported too", () => {
  const { watchdog, frozen, pass } = testWatchdog(3_000);
  watchdog.beat("http");
  pass(3_000);
  assert.deepEqual(frozen, ["http"]);
});

test("a process that has ended is not reported", () => {
  const { watchdog, frozen, pass } = testWatchdog(3_000);
  watchdog.beat("http");
  watchdog.forget("http");
  pass(10_000);
  assert.deepEqual(frozen, []);
});

test("after a suspension of the watchdog itself each process gets a whole interval again", () => {
  const { watchdog, frozen, pass, suspend } = testWatchdog(7_000);
  watchdog.beat("http");
  watchdog.beat("frozen");
  pass(6_000);
  suspend(8 * 3_600_000);
  watchdog.beat("http");
  pass(6_500);
  assert.deepEqual(frozen, []);
  watchdog.beat("http");
  pass(500);
  assert.deepEqual(frozen, ["frozen"]);
});

test("a silent process that is not frozen is asked about again until it is, or beats", () => {
  const asked: number[] = [];
  let now = 0;
  let isFrozen = false;
  const frozen: string[] = [];
  const watchdog = new Watchdog({
    limitMs: 3_000,
    now: () => now,
    isFrozen(_name, silentMs) {
      asked.push(silentMs);
      return isFrozen;
    },
    onFrozen: (name) => frozen.push(name),
  });
  const tick = () => {
    now += watchdogTickMs;
    watchdog.tick();
  };
  watchdog.beat("http");
  for (let ticks = 0; ticks < 8; ticks++) tick();
  assert.deepEqual([asked, frozen], [[3_000, 3_500, 4_000], []]);
  isFrozen = true;
  tick();
  assert.deepEqual(frozen, ["http"]);
});
