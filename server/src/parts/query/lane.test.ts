import assert from "node:assert/strict";
import { test } from "node:test";
import { WeirError } from "../../core/errors.ts";
import { Lane } from "./lane.ts";

const never = new AbortController().signal;
const isOverloaded = (error: unknown) => error instanceof WeirError && error.code === "overloaded";

test("at most `width` questions run at once, and waiting ones start in order", async () => {
  const lane = new Lane({ width: 2, queue: 10, waitMs: 1_000 });
  let running = 0;
  let most = 0;
  const order: number[] = [];
  const ask = (index: number) =>
    lane.run(async () => {
      most = Math.max(most, ++running);
      order.push(index);
      await new Promise((resolve) => setImmediate(resolve));
      running--;
    }, never);
  await Promise.all([0, 1, 2, 3, 4, 5].map(ask));
  assert.equal(most, 2);
  assert.deepEqual(order, [0, 1, 2, 3, 4, 5]);
});

test("a full queue refuses at once, and a long wait ends with a refusal", async () => {
  const lane = new Lane({ width: 1, queue: 1, waitMs: 20 });
  const held = Promise.withResolvers<void>();
  const first = lane.run(() => held.promise, never);
  const second = lane.run(async () => "second", never);
  await assert.rejects(() => lane.run(async () => "third", never), isOverloaded);
  await assert.rejects(second, isOverloaded);
  held.resolve();
  await first;
  assert.equal(await lane.run(async () => "free again", never), "free again");
});

test("a question whose client disconnected neither runs nor keeps its slot", async () => {
  const lane = new Lane({ width: 1, queue: 1, waitMs: 1_000 });
  const held = Promise.withResolvers<void>();
  const first = lane.run(() => held.promise, never);
  const client = new AbortController();
  const second = lane.run(async () => assert.fail("must not run"), client.signal);
  client.abort(new Error("gone"));
  await assert.rejects(second, /gone/);
  const third = lane.run(async () => "third", never);
  held.resolve();
  await first;
  assert.equal(await third, "third");
});

test("failed work frees its slot", async () => {
  const lane = new Lane({ width: 1, queue: 1, waitMs: 1_000 });
  await assert.rejects(() => lane.run(() => Promise.reject(new Error("broken")), never), /broken/);
  assert.equal(await lane.run(async () => 1, never), 1);
});
