import assert from "node:assert/strict";
import { test } from "node:test";
import { createRestartPace, healthyAfterMs } from "./restart-pace.ts";

test("the pause doubles up to five seconds, and begins again after a minute of health", () => {
  let now = 0;
  const pace = createRestartPace(() => now);
  const endsAfter = (ms: number) => {
    pace.ready();
    now += ms;
    return pace.next();
  };
  const early = [1, 2, 3, 4, 5, 6, 7].map(() => endsAfter(healthyAfterMs - 1));
  assert.deepEqual(early, [200, 400, 800, 1_600, 3_200, 5_000, 5_000]);
  assert.equal(endsAfter(healthyAfterMs), 200);
  assert.equal(endsAfter(1_000), 400);
});

test("time in which the process was not ready is no health", () => {
  let now = 0;
  const pace = createRestartPace(() => now);
  pace.next();
  now += 10 * healthyAfterMs;
  assert.equal(pace.next(), 400);
});
