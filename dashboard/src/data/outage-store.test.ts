import assert from "node:assert/strict";
import { test } from "node:test";
import { createOutageStore, outageRetryMs } from "./outage-store.ts";
import { asFailure, failureOf } from "./request.ts";

function storeOf() {
  let now = 1_000_000;
  let retries = 0;
  let timer: { readonly at: number; readonly run: () => void } | undefined;
  const store = createOutageStore({
    now: () => now,
    after(ms, run) {
      timer = { at: now + ms, run };
      return () => {
        timer = undefined;
      };
    },
    retry: () => retries++,
  });
  return {
    store,
    retries: () => retries,
    pass(ms: number) {
      now += ms;
      if (timer !== undefined && timer.at <= now) {
        const { run } = timer;
        timer = undefined;
        run();
      }
    },
  };
}

const unavailable = (since?: string) =>
  failureOf(503, {
    code: "unavailable",
    title: "Service temporarily unavailable",
    ...(since === undefined ? {} : { unavailable_since: since }),
  });

test("the server says since when its database is down", () => {
  const { store } = storeOf();
  store.failed(unavailable("2026-11-30T14:02:11Z"));
  assert.deepEqual(store.read(), { kind: "database", since: Date.UTC(2026, 10, 30, 14, 2, 11) });
});

test("without a time from the server, the outage began when the page noticed it", () => {
  const { store, pass } = storeOf();
  store.failed(asFailure(new TypeError("fetch failed")));
  pass(10_000);
  store.failed(asFailure(new TypeError("fetch failed")));
  assert.deepEqual(store.read(), { kind: "server", since: 1_000_000 });
});

test("a request that is refused for a reason of its own is no outage", () => {
  const { store } = storeOf();
  for (const code of ["forbidden", "query_timeout", "search_unavailable", "rate_limited"]) {
    store.failed(failureOf(503, { code, title: code }));
  }
  assert.equal(store.read(), undefined);
});

test("everything is loaded again every few seconds until something answers", () => {
  const { store, retries, pass } = storeOf();
  let changes = 0;
  store.subscribe(() => changes++);
  store.failed(unavailable());
  store.failed(unavailable());
  for (let n = 0; n < 3; n++) pass(outageRetryMs);
  assert.equal(retries(), 3);
  store.answered();
  pass(outageRetryMs);
  pass(outageRetryMs);
  assert.equal(retries(), 3);
  assert.equal(store.read(), undefined);
  assert.equal(changes, 2, "one change at the beginning and one at the end");
});
