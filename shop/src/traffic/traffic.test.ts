import assert from "node:assert/strict";
import { test } from "node:test";
import { createLogger } from "../foundation/logger.ts";
import { ShopDownError } from "./browser.ts";
import type { Plan } from "./plan.ts";
import { readRates } from "./rates.ts";
import type { Visited } from "./shopper.ts";
import { runTraffic } from "./traffic.ts";

const visited: Visited = {
  ...{ pages: 3, views: 1, searches: 0, isSignedIn: false, hasCart: false },
  orderId: undefined,
};

/** A clock that moves when the traffic waits, until the given second. */
async function simulate({
  seconds,
  visit,
  ...options
}: {
  readonly seconds: number;
  readonly rate: number;
  readonly seed?: number;
  readonly concurrency?: number;
  readonly visit: (plan: Plan, at: () => number) => Promise<Visited>;
}) {
  const stop = new AbortController();
  let time = 0;
  let waits = 0;
  const begun: number[] = [];
  const counts = await runTraffic({
    ...{ seed: 1, concurrency: 10, ...options },
    rates: await readRates(),
    logger: createLogger("test", "silent"),
    signal: stop.signal,
    now: () => time,
    async pause(ms) {
      waits++;
      time += ms;
      // what has ended meanwhile is noticed
      await new Promise((resolve) => setImmediate(resolve));
      if (time >= seconds * 1_000) stop.abort(new Error("the end"));
    },
    visit(plan) {
      begun.push(time);
      return visit(plan, () => time);
    },
  });
  return { counts, begun, waits };
}

test("visits begin at the rate, at the same times for the same seed", async () => {
  const run = (seed: number) =>
    simulate({ seconds: 2_000, rate: 0.5, seed, visit: async () => visited });
  const { begun, counts } = await run(1);
  assert.ok(begun.length > 900 && begun.length < 1_100, `${begun.length} visits`);
  assert.equal(counts.finished, begun.length);
  assert.deepEqual((await run(1)).begun, begun);
  assert.notDeepEqual((await run(2)).begun, begun);
});

test("visits that do not end do not grow in number, and end with the traffic", async () => {
  const ended = Promise.withResolvers<Visited>();
  const running = simulate({
    ...{ seconds: 100, rate: 5, concurrency: 7 },
    visit: (_plan, at) => {
      if (at() > 90_000) ended.resolve(visited);
      return ended.promise;
    },
  });
  setImmediate(() => setTimeout(() => ended.resolve(visited), 100));
  const { counts } = await running;
  assert.equal(counts.begun, 7);
  assert.equal(counts.finished, 7);
  assert.ok(counts.skipped > 300, `${counts.skipped} skipped`);
});

test("a shop that is down is tried again after growing pauses, by one visit at a time", async () => {
  const { begun, counts, waits } = await simulate({
    ...{ seconds: 600, rate: 20 },
    visit: () => Promise.reject(new ShopDownError("refused")),
  });
  // after 1, 2, 4 … 60 s; those that began together at first count once
  assert.ok(begun.length >= 12 && begun.length <= 30, `${begun.length} attempts in 10 minutes`);
  assert.equal(counts.failed, begun.length);
  assert.ok(waits < 15_000, `${waits} waits`);
  const gaps = begun.slice(-3).map((at, index, all) => at - (all[index - 1] ?? at));
  assert.ok(
    gaps.slice(1).every((gap) => gap >= 60_000),
    gaps.join(),
  );
});

test("the rate comes back with the shop", async () => {
  const { begun } = await simulate({
    ...{ seconds: 400, rate: 2 },
    visit: (_plan, at) =>
      at() > 100_000 && at() < 200_000
        ? Promise.reject(new ShopDownError("refused"))
        : Promise.resolve(visited),
  });
  const during = (from: number, to: number) =>
    begun.filter((at) => at >= from * 1_000 && at < to * 1_000).length;
  assert.ok(during(0, 100) > 150 && during(300, 400) > 150);
  assert.ok(during(110, 200) < 10, `${during(110, 200)} attempts while it was down`);
});

test("without a rate there are no visits, and nothing turns", async () => {
  const { begun, waits } = await simulate({ seconds: 86_400, rate: 0, visit: async () => visited });
  assert.deepEqual(begun, []);
  assert.ok(waits <= 25, `${waits} waits in a day`);
});
