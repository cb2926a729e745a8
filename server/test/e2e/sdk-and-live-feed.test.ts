import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { liveFeed, type RawEvent, type ServerFrame } from "@weir/protocol";
import { createClient, type EventStore, RefusedError } from "@weir/sdk";
import { WebSocket } from "ws";
import { until } from "../../../testing/until.ts";
import { runDemo } from "../../src/parts/demo/run-demo.ts";
import { type RunningWeir, startWeir } from "../helpers/weir.ts";

async function openFeed(t: TestContext, weir: RunningWeir, query = "") {
  const address = `${weir.run.url.replace(/^http/, "ws")}${liveFeed.path}${query}`;
  const socket = new WebSocket(address, { headers: { "x-api-key": weir.adminKey } });
  t.after(() => socket.terminate());
  const frames: ServerFrame[] = [];
  const events: RawEvent[] = [];
  const closed = new Promise<number>((resolve) => socket.on("close", resolve));
  socket.on("error", () => undefined);
  socket.on("message", (data) => {
    const frame = JSON.parse(String(data)) as ServerFrame;
    frames.push(frame);
    if (frame.type === "event") events.push(frame.event);
  });
  await until(() => frames.length > 0, { what: "hello" });
  return { frames, events, closed };
}

test("what the client sends is accepted once and appears in the live feed, which a stop ends with 1001", async (t) => {
  const weir = await startWeir(t);
  const feed = await openFeed(t, weir, "?event_type=sdk.sent");
  const client = createClient({ url: weir.run.url, key: weir.adminKey, onVerdict() {} });
  t.after(() => client.close({ timeoutMs: 0 }));

  const event = {
    event_id: "order-1",
    event_type: "sdk.sent",
    timestamp: "2026-01-15T10:30:00Z",
    user_id: "user-1",
    product: { id: "sku-1", name: "Lamp", price: 24.5, currency: "EUR", quantity: 2 },
  };
  assert.equal((await client.send(event)).verdict, "accepted");
  assert.equal((await client.send(event)).verdict, "duplicate");
  assert.equal((await client.send({ ...event, user_id: "user-2" })).verdict, "conflict");
  const rejected = await client.send({ event_type: "x", timestamp: "yesterday" });
  assert.equal(rejected.verdict, "rejected");
  assert.match(rejected.detail ?? "", /timestamp/);
  for (let n = 0; n < 3_000; n++) {
    await client.ready();
    client.track({ event_type: "sdk.sent", user_id: `user-${n}` });
  }
  assert.deepEqual(await client.flush(), { pending: 0 });
  assert.equal(client.stats().accepted, 3_001);
  await until(() => feed.events.length === 3_001, { what: () => `${feed.events.length} of 3,001` });
  const [first] = feed.events;
  assert.equal(first?.event_id, "order-1");
  assert.equal(first?.user_id, "user-1");
  assert.deepEqual(first?.payload, event);

  await weir.stop();
  assert.equal(await feed.closed, 1001);
});

test("a wrong key stops the client with Weir's own words", async (t) => {
  const weir = await startWeir(t);
  const store: EventStore = { load: async () => [], put: () => {}, remove: () => {} };
  const client = createClient({
    url: weir.run.url,
    key: "weir_dev_nonsense",
    store,
    onRefused() {},
  });
  t.after(() => client.close({ timeoutMs: 0 }));
  await assert.rejects(client.send({ event_type: "x" }), (error) => {
    assert.ok(error instanceof RefusedError);
    assert.equal(error.status, 401);
    assert.equal(error.problem.code, "key_malformed");
    return true;
  });
});

test("the demo's history is accepted whole, in seconds, and once", async (t) => {
  const weir = await startWeir(t);
  const key = weir.adminKey;
  const anchor = new Date();
  const historyDays = 8;
  const run = () =>
    runDemo({
      url: weir.run.url,
      keys: { "shop-web": key, "shop-ios": key, "shop-pos": key },
      anchor,
      historyDays,
      live: false,
      signal: new AbortController().signal,
    });
  const at = performance.now();
  const first = await run();
  t.diagnostic(`${first.accepted} events in ${Math.round(performance.now() - at)} ms`);
  assert.ok(first.accepted > 50_000);
  assert.deepEqual([first.rejected, first.dropped, first.known], [0, 0, 0]);
  const again = await run();
  assert.deepEqual([again.accepted, again.known], [0, first.accepted]);
});
