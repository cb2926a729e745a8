import assert from "node:assert/strict";
import { test } from "node:test";
import { createQueryStore } from "./query-store.ts";
import { failureOf, RequestError } from "./request.ts";

interface Request {
  readonly address: string;
  readonly signal: AbortSignal;
  answer(value: unknown): Promise<void>;
  fail(error: unknown): Promise<void>;
}

/** The store with a clock and answers that the test controls. */
function storeOf() {
  const requests: Request[] = [];
  const timers: { at: number; run: () => void }[] = [];
  let now = 0;
  const settle = () => new Promise<void>((resolve) => setImmediate(resolve));
  const store = createQueryStore({
    load(address, signal) {
      return new Promise((resolve, reject) => {
        requests.push({
          address,
          signal,
          answer(value) {
            resolve(value);
            return settle();
          },
          fail(error) {
            reject(error);
            return settle();
          },
        });
      });
    },
    now: () => now,
    after(ms, run) {
      const timer = { at: now + ms, run };
      timers.push(timer);
      return () => {
        const index = timers.indexOf(timer);
        if (index >= 0) timers.splice(index, 1);
      };
    },
  });
  async function pass(ms: number) {
    now += ms;
    for (const timer of timers.filter(({ at }) => at <= now)) {
      timers.splice(timers.indexOf(timer), 1);
      timer.run();
    }
    await settle();
  }
  const last = () => {
    const one = requests.at(-1);
    assert.ok(one !== undefined, "nothing was requested");
    return one;
  };
  return { store, requests, pass, last };
}

const never = Number.POSITIVE_INFINITY;
const problem = (status: number, code: string) =>
  new RequestError(failureOf(status, { code, title: code, status }));

test("subscribers of the same address share one request and one answer", async () => {
  const { store, requests, last } = storeOf();
  store.subscribe("/a", never, () => {});
  store.subscribe("/a", never, () => {});
  assert.equal(requests.length, 1);
  await last().answer({ events: 1 });
  assert.deepEqual(store.read("/a"), { data: { events: 1 }, failure: undefined, loading: false });
});

test("an unchanged answer is the same object and notifies no subscriber", async () => {
  const { store, last, pass } = storeOf();
  let notifications = 0;
  store.subscribe("/a", 2_000, () => notifications++);
  await last().answer({ rows: [{ n: 1 }] });
  const before = store.read("/a").data;
  const notificationsBefore = notifications;
  await pass(2_000);
  await last().answer({ rows: [{ n: 1 }] });
  assert.equal(store.read("/a").data, before);
  assert.equal(notifications, notificationsBefore);
});

test("the last answer is kept while the next is loading, and when it fails", async () => {
  const { store, last, pass } = storeOf();
  store.subscribe("/a", 2_000, () => {});
  await last().answer(1);
  await pass(2_000);
  assert.equal(store.read("/a").data, 1);
  await last().fail(problem(503, "query_timeout"));
  assert.equal(store.read("/a").data, 1);
  assert.equal(store.read("/a").failure?.code, "query_timeout");
});

test("a request without subscribers is aborted, unless one subscribes again immediately", async () => {
  const { store, requests, pass, last } = storeOf();
  const leave = store.subscribe("/a", never, () => {});
  leave();
  const leaveAgain = store.subscribe("/a", never, () => {});
  await pass(0);
  assert.equal(last().signal.aborted, false);
  assert.equal(requests.length, 1);
  leaveAgain();
  await pass(0);
  assert.equal(last().signal.aborted, true);
});

test("nothing is polled while the page is hidden, and everything is loaded when it is visible again", async () => {
  const { store, requests, last, pass } = storeOf();
  store.subscribe("/a", 2_000, () => {});
  await last().answer(1);
  store.setVisible(false);
  await pass(60_000);
  assert.equal(requests.length, 1);
  store.setVisible(true);
  assert.equal(requests.length, 2);
});

test("a page that is hidden during a request stops polling after its answer", async () => {
  const { store, requests, last, pass } = storeOf();
  store.subscribe("/a", 2_000, () => {});
  store.setVisible(false);
  await last().answer(1);
  await pass(60_000);
  assert.equal(requests.length, 1);
});

test("polling slows down while an address fails, and stops where a retry cannot succeed", async () => {
  const { store, requests, last, pass } = storeOf();
  store.subscribe("/a", 2_000, () => {});
  await last().fail(problem(503, "unavailable"));
  await pass(2_000);
  assert.equal(requests.length, 1, "not after the plain interval");
  await pass(2_000);
  assert.equal(requests.length, 2);
  await last().fail(problem(403, "forbidden"));
  await pass(600_000);
  assert.equal(requests.length, 2);
  store.refresh("/a");
  assert.equal(requests.length, 3);
});

test("an answer that comes after the store was cleared is not kept", async () => {
  const { store, last } = storeOf();
  store.subscribe("/a", never, () => {});
  const late = last();
  store.clear();
  await late.answer("secret");
  assert.equal(store.read("/a").data, undefined);
});
