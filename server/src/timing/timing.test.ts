import assert from "node:assert/strict";
import { getEventListeners } from "node:events";
import { test } from "node:test";
import { createBackoff, retryWithBackoff } from "./backoff.ts";
import { pause } from "./pause.ts";
import { poll } from "./poll.ts";

const longMs = 600_000;

test("a pause ends when its signal aborts, also one that aborted before, and leaves no listener", async () => {
  const stop = new AbortController();
  const waiting = pause(longMs, stop.signal);
  stop.abort();
  await waiting;
  await pause(longMs, stop.signal);
  const running = new AbortController();
  await pause(1, running.signal);
  assert.equal(getEventListeners(running.signal, "abort").length, 0);
});

test("a backoff doubles up to its limit and starts again after a success", () => {
  const backoff = createBackoff({ firstMs: 100, lastMs: 500 });
  const delays = [1, 2, 3, 4, 5].map(() => backoff.next());
  assert.deepEqual(delays, [100, 200, 400, 500, 500]);
  backoff.reset();
  assert.equal(backoff.next(), 100);
});

test("work is repeated until it succeeds; an error that is refused is thrown at once", async () => {
  const errors: unknown[] = [];
  let calls = 0;
  const result = await retryWithBackoff(
    async () => {
      calls++;
      if (calls < 3) throw new Error(`call ${calls}`);
      return calls;
    },
    {
      firstMs: 1,
      lastMs: 2,
      onFailure: (error) => {
        errors.push(error);
        return true;
      },
    },
  );
  assert.deepEqual([result, errors.length], [3, 2]);
  const fatal = () => Promise.reject(new Error("fatal"));
  await assert.rejects(
    retryWithBackoff(fatal, { firstMs: longMs, lastMs: longMs, onFailure: () => false }),
    /fatal/,
  );
});

test("retries end with the last error when the signal aborts", async () => {
  const stop = new AbortController();
  const failing = () => Promise.reject(new Error("still down"));
  const retried = retryWithBackoff(failing, {
    firstMs: longMs,
    lastMs: longMs,
    signal: stop.signal,
    onFailure: () => {
      queueMicrotask(() => stop.abort());
      return true;
    },
  });
  await assert.rejects(retried, /still down/);
});

test("a poll returns the first value that it reads", async () => {
  let calls = 0;
  const found = await poll(async () => (++calls === 3 ? "value" : undefined), { everyMs: 1 });
  assert.deepEqual([found, calls], ["value", 3]);
});
