import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import type { EventResult } from "@weir/protocol";
import {
  answer,
  type MisbehavingServer,
  startMisbehavingServer,
  until,
} from "../test/misbehaving-server.ts";
import { createClient } from "./client.ts";
import type { ClientOptions, Drop, RefusedError, StoredEvent } from "./types.ts";

function connect(t: TestContext, server: MisbehavingServer, options: Partial<ClientOptions> = {}) {
  const verdicts: EventResult[] = [];
  const drops: Drop[] = [];
  const refusals: RefusedError[] = [];
  const retries: { failures: number; delayMs: number; cause: string }[] = [];
  const client = createClient({
    url: server.url,
    key: "weir_test_key",
    batch: { delayMs: 5 },
    retry: { baseMs: 1, maxMs: 5 },
    onVerdict: (result) => verdicts.push(result),
    onDrop: (drop) => drops.push(drop),
    onRefused: (error) => refusals.push(error),
    onRetry: (notice) => retries.push(notice),
    ...options,
  });
  t.after(() => client.close({ timeoutMs: 0 }));
  return { client, verdicts, drops, refusals, retries };
}

function eachOnce(server: MisbehavingServer, count: number): void {
  assert.equal(server.accepted.size, count);
}

test("events are sent in one compressed batch, in order, with the key, and each gets its verdict", async (t) => {
  const server = await startMisbehavingServer(t);
  const { client, verdicts } = connect(t, server);
  const ids = Array.from({ length: 50 }, (_, n) =>
    client.track({ event_type: "product.view", user_id: `user-${n}` }),
  );
  assert.deepEqual(await client.flush(), { pending: 0 });
  assert.equal(server.requests.length, 1);
  const [request] = server.requests;
  assert.equal(request?.path, "/api/events/batch");
  assert.equal(request?.headers["x-api-key"], "weir_test_key");
  assert.equal(request?.headers["content-encoding"], "gzip");
  assert.deepEqual(
    request?.events.map(({ event_id }) => event_id),
    ids,
  );
  assert.deepEqual(
    verdicts.map(({ event_id }) => event_id),
    ids,
  );
  assert.ok(verdicts.every(({ verdict }) => verdict === "accepted"));
});

test("a batch is sent at its number of events, its bytes, or its age", async (t) => {
  const server = await startMisbehavingServer(t);
  const slow = { delayMs: 60_000 };
  const byCount = connect(t, server, { batch: { ...slow, events: 3 } }).client;
  for (let n = 0; n < 3; n++) byCount.track({ event_type: "count" });
  await until(() => server.requests.length === 1);
  const byBytes = connect(t, server, { batch: { ...slow, bytes: 1_000 } }).client;
  for (let n = 0; n < 8; n++) byBytes.track({ event_type: "bytes", user_id: "u".repeat(100) });
  await until(() => server.requests.length >= 2);
  const byAge = connect(t, server, { batch: { delayMs: 10 } }).client;
  const before = server.requests.length;
  byAge.track({ event_type: "age" });
  await until(() => server.requests.length > before);
});

test("resets, 503, 429, truncated and invalid answers and timeouts are retried, and each event counts once", async (t) => {
  const server = await startMisbehavingServer(t);
  server.behave((request, response, nth) => {
    if (nth === 1) response.destroy();
    else if (nth === 2) answer(response, 503, { title: "later" });
    else if (nth === 3) answer(response.setHeader("retry-after", "0"), 429, {});
    else if (nth === 4) {
      // stored, but the answer is cut off: the retry must find duplicates and count no event twice
      for (const { event_id } of request.events) server.accepted.set(event_id, 1);
      response.writeHead(202, { "content-length": "1000" });
      response.write('{"results":[');
      setImmediate(() => response.destroy());
    } else if (nth === 5) answer(response, 202, "welcome to the hotel network");
    else if (nth === 6) answer(response, 202, { results: [] });
    else if (nth === 7)
      return; // no answer at all
    else server.acceptAll(request, response, nth);
  });
  const { client, verdicts, retries } = connect(t, server, { requestTimeoutMs: 1_500 });
  const ids = Array.from({ length: 20 }, () => client.track({ event_type: "purchase" }));
  assert.deepEqual(await client.flush(), { pending: 0 });
  assert.equal(server.requests.length, 8);
  assert.equal(retries.length, 7);
  assert.match(retries[6]?.cause ?? "", /no answer within 1500 ms/);
  for (const request of server.requests) {
    assert.deepEqual(request.events, server.requests[0]?.events);
  }
  assert.deepEqual(
    verdicts.map(({ event_id }) => event_id),
    ids,
  );
  assert.ok(verdicts.every(({ verdict }) => verdict === "duplicate"));
  assert.equal(client.stats().retries, 7);
});

test("Retry-After is respected, as seconds and as a date, even during a flush", async (t) => {
  const server = await startMisbehavingServer(t);
  for (const header of [() => "1", () => new Date(Date.now() + 1_999).toUTCString()]) {
    const first = server.requests.length + 1;
    server.behave((request, response, nth) => {
      if (nth === first) answer(response.setHeader("retry-after", header()), 503, {});
      else server.acceptAll(request, response, nth);
    });
    const { client, retries } = connect(t, server);
    client.track({ event_type: "x" });
    assert.deepEqual(await client.flush({ timeoutMs: 50 }), { pending: 1 });
    assert.deepEqual(await client.flush(), { pending: 0 });
    const waited = (server.requests[first]?.at ?? 0) - (server.requests[first - 1]?.at ?? 0);
    assert.ok(waited >= 950, `waited ${waited} ms`);
    assert.ok((retries[0]?.delayMs ?? 0) <= 2_300);
  }
});

test("only the events answered retry are sent again", async (t) => {
  const server = await startMisbehavingServer(t);
  server.behave((request, response, nth) => {
    if (nth > 1) return server.acceptAll(request, response, nth);
    const results = request.events.map(({ event_id }, index) => ({
      event_id,
      verdict: index % 2 === 0 ? "accepted" : "retry",
    }));
    answer(response, 202, { results });
  });
  const { client, verdicts } = connect(t, server);
  const ids = Array.from({ length: 6 }, () => client.track({ event_type: "x" }));
  await client.flush();
  assert.deepEqual(
    server.requests[1]?.events.map(({ event_id }) => event_id),
    [ids[1], ids[3], ids[5]],
  );
  assert.equal(verdicts.length, 6);
});

test("a 413 splits the batch until the event that is too large is alone", async (t) => {
  const server = await startMisbehavingServer(t);
  server.behave((request, response, nth) => {
    const tooLarge = request.events.some(({ user_id }) => String(user_id).length > 1_000);
    if (tooLarge) answer(response, 413, { detail: "too large for this door" });
    else server.acceptAll(request, response, nth);
  });
  const { client, drops } = connect(t, server, { gzip: false });
  const ids = Array.from({ length: 64 }, (_, n) =>
    client.track({ event_type: "x", user_id: n === 40 ? "u".repeat(2_000) : "u" }),
  );
  await client.flush();
  eachOnce(server, 63);
  assert.deepEqual(drops, [
    {
      event_id: ids[40] ?? null,
      event_type: "x",
      reason: "too_large",
      detail: "too large for this door",
    },
  ]);
  assert.ok(server.requests.length < 40, `${server.requests.length} requests`);
});

test("401 and 403 stop the client with a clear error; events are held, and a new key sends them", async (t) => {
  const server = await startMisbehavingServer(t);
  server.behave((request, response, nth) => {
    if (request.headers["x-api-key"] === "good") return server.acceptAll(request, response, nth);
    answer(response, 403, {
      code: "forbidden",
      title: "Permission denied",
      permission: "events.post.event_batch_ingest",
    });
  });
  const { client, refusals } = connect(t, server);
  client.track({ event_type: "x" });
  await assert.rejects(client.send({ event_type: "y" }), {
    name: "RefusedError",
    status: 403,
    message: /Permission denied \(permission events\.post\.event_batch_ingest\)/,
  });
  client.track({ event_type: "z" });
  await assert.rejects(client.flush(), { name: "RefusedError" });
  await assert.rejects(client.ready(), { name: "RefusedError" });
  assert.equal(server.requests.length, 1);
  assert.equal(refusals.length, 1);
  assert.equal(client.stats().state, "refused");
  client.setKey("good");
  assert.deepEqual(await client.flush(), { pending: 0 });
  eachOnce(server, 3);
});

test("a wrong URL stops the client and loses no event", async (t) => {
  const server = await startMisbehavingServer(t);
  server.behave((_, response) => answer(response.setHeader("location", "/elsewhere"), 302, {}));
  const { client, refusals, drops } = connect(t, server);
  client.track({ event_type: "x" });
  await assert.rejects(client.flush(), /redirect/);
  assert.equal(refusals.length, 1);
  assert.equal(drops.length, 0);
  assert.equal(client.stats().queued, 1);
});

test("a full queue drops by its policy, newest or oldest, and reports which events", async (t) => {
  const server = await startMisbehavingServer(t);
  server.behave(() => undefined);
  for (const whenFull of ["drop_newest", "drop_oldest"] as const) {
    const { client, drops } = connect(t, server, {
      batch: { delayMs: 60_000 },
      queue: { events: 3, whenFull },
    });
    const ids = Array.from({ length: 5 }, () => client.track({ event_type: "x" }));
    const expected = whenFull === "drop_newest" ? ids.slice(3) : ids.slice(0, 2);
    assert.deepEqual(
      drops.map(({ event_id }) => event_id),
      expected,
    );
    assert.ok(drops.every(({ reason }) => reason === "queue_full"));
    assert.equal(client.stats().queued, 3);
  }
  const { client, drops } = connect(t, server, {
    batch: { delayMs: 60_000 },
    queue: { bytes: 1_000 },
  });
  for (let n = 0; n < 5; n++) client.track({ event_type: "x", user_id: "u".repeat(200) });
  assert.ok(drops.length > 0 && client.stats().queuedBytes <= 1_000);
});

test("ready() slows a fast producer down, so that no event is dropped", async (t) => {
  const server = await startMisbehavingServer(t);
  const { client, drops } = connect(t, server, {
    batch: { events: 10 },
    queue: { events: 20, bytes: 1024 * 1024 },
  });
  for (let n = 0; n < 200; n++) {
    await client.ready();
    client.track({ event_type: "x" });
    assert.ok(client.stats().queued <= 20);
  }
  await client.flush();
  eachOnce(server, 200);
  assert.equal(drops.length, 0);
});

test("an event that cannot be sent is dropped with its reason, and send() rejects", async (t) => {
  const server = await startMisbehavingServer(t);
  const { client, drops } = connect(t, server);
  await assert.rejects(client.send({ event_type: "x", properties: { n: 1n } }), /not_serialisable/);
  await assert.rejects(client.send({ event_type: "x", user_id: "u".repeat(70_000) }), /too_large/);
  server.behave((_, response) => answer(response, 400, { detail: "not JSON" }));
  await assert.rejects(client.send({ event_type: "x" }), /request_rejected\): not JSON/);
  assert.deepEqual(
    drops.map(({ reason }) => reason),
    ["not_serialisable", "too_large", "request_rejected"],
  );
});

test("attempts can be limited; events that reach the limit are dropped and reported", async (t) => {
  const server = await startMisbehavingServer(t);
  server.behave((_, response) => answer(response, 500, { title: "broken" }));
  const { client, drops } = connect(t, server, { retry: { baseMs: 1, maxMs: 2, maxAttempts: 3 } });
  await assert.rejects(
    client.send({ event_type: "x" }),
    /3 attempts, the last: status 500: broken/,
  );
  assert.equal(server.requests.length, 3);
  assert.equal(drops[0]?.reason, "attempts");
});

test("send() resolves with the verdict of its event", async (t) => {
  const server = await startMisbehavingServer(t);
  server.behave((request, response) => {
    const results = request.events.map(({ event_id, event_type }) =>
      event_type === "bad"
        ? { event_id, verdict: "rejected", code: "invalid_event", detail: "no" }
        : { event_id, verdict: "accepted" },
    );
    answer(response, 202, { results });
  });
  const { client } = connect(t, server);
  const [good, bad] = await Promise.all([
    client.send({ event_type: "good", event_id: "mine" }),
    client.send({ event_type: "bad" }),
  ]);
  assert.deepEqual(good, { event_id: "mine", verdict: "accepted" });
  assert.equal(bad.verdict, "rejected");
});

test("close() sends what it can, reports the rest, and accepts no more events", async (t) => {
  const server = await startMisbehavingServer(t);
  const { client } = connect(t, server);
  client.track({ event_type: "x" });
  await client.close();
  eachOnce(server, 1);

  server.behave(() => undefined);
  const stuck = connect(t, server);
  const id = stuck.client.track({ event_type: "x" });
  await Promise.all([stuck.client.close({ timeoutMs: 20 }), stuck.client.close()]);
  stuck.client.track({ event_type: "late" });
  assert.deepEqual(
    stuck.drops.map(({ event_id, reason }) => [event_id === id, reason]),
    [
      [true, "closed"],
      [false, "closed"],
    ],
  );
  assert.equal(stuck.client.stats().state, "closed");
});

test("with a store, unsent events are sent by the next run under the same ids", async (t) => {
  const server = await startMisbehavingServer(t);
  const kept = new Map<string, StoredEvent>();
  const store = {
    load: async () => [...kept.values()],
    put: (event: StoredEvent) => void kept.set(event.event_id, event),
    remove: (ids: readonly string[]) => {
      for (const id of ids) kept.delete(id);
    },
  };
  server.behave((_, response) => answer(response, 503, {}));
  const first = connect(t, server, { store });
  const id = first.client.track({ event_type: "x" });
  await first.client.close({ timeoutMs: 20 });
  assert.deepEqual(first.drops, []);
  assert.deepEqual([...kept.keys()], [id]);
  server.behave(server.acceptAll);
  const second = connect(t, server, { store });
  await second.client.flush();
  assert.deepEqual([...server.accepted.keys()], [id]);
  assert.equal(kept.size, 0);
});

test("a failing store is reported and does not stop the client", async (t) => {
  const server = await startMisbehavingServer(t);
  const errors: unknown[] = [];
  const broken = () => Promise.reject(new Error("disk full"));
  const { client } = connect(t, server, {
    store: { load: broken, put: broken, remove: broken },
    onStoreError: (error) => errors.push(error),
  });
  client.track({ event_type: "x" });
  await client.flush();
  eachOnce(server, 1);
  await until(() => errors.length === 3);
});

test("invalid options are refused by name", () => {
  assert.throws(() => createClient({ url: "ftp://x", key: "k" }), /url must start/);
  assert.throws(() => createClient({ url: "http://x", key: " " }), /key is empty/);
  assert.throws(
    () => createClient({ url: "http://x", key: "k", batch: { events: 0 } }),
    /batch\.events must be at least 1/,
  );
});

test("fetch is called as a function, as browsers require", async (t) => {
  const server = await startMisbehavingServer(t);
  const receivers: unknown[] = [];
  const { client, retries } = connect(t, server, {
    fetch: function (this: unknown, ...parameters: Parameters<typeof fetch>) {
      receivers.push(this);
      return fetch(...parameters);
    },
  });
  client.track({ event_type: "product.view" });
  await client.flush();
  assert.deepEqual(receivers, [undefined]);
  assert.deepEqual(retries, []);
});
