import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import type { LiveFilter, RawEvent, ServerFrame } from "@weir/protocol";
import { type WebSocket as ServerSocket, WebSocketServer } from "ws";
import type { ConnectionState } from "./connection-state.ts";
import { createLiveSocket, feedPath } from "./live-socket.ts";

const event = (id: string): RawEvent => ({
  event_id: id,
  event_type: "purchase",
  source: "shop",
  format: "native",
  received_at: "2026-11-21T00:00:00Z",
  occurred_at: "2026-11-21T00:00:00Z",
  user_id: null,
  product_id: null,
  payload: {},
});

interface Visit {
  readonly address: string;
  readonly heard: string[];
  say(frame: ServerFrame): void;
  readonly socket: ServerSocket;
}

/** A real feed server, and the page's side of it. */
async function feedOf(t: TestContext, filter: () => LiveFilter = () => ({})) {
  const server = new WebSocketServer({ port: 0, host: "127.0.0.1" });
  await new Promise((resolve) => server.once("listening", resolve));
  const visits: Visit[] = [];
  server.on("connection", (socket, request) => {
    const heard: string[] = [];
    socket.on("message", (data) => heard.push(String(data)));
    visits.push({
      address: request.url ?? "",
      heard,
      socket,
      say: (frame) => socket.send(JSON.stringify(frame)),
    });
  });
  const states: ConnectionState[] = [];
  const events: string[] = [];
  const address = server.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  const live = createLiveSocket({
    origin: `ws://127.0.0.1:${port}`,
    filter,
    connect: (url) => new WebSocket(url),
    after(ms, run) {
      const timer = setTimeout(run, Math.min(ms, 20_000) / 20);
      return () => clearTimeout(timer);
    },
    random: () => 0,
    findReason: async () => undefined,
    onState: (state) => states.push(state),
    onCovered: () => events.push("covered"),
    onEvent: ({ event_id }) => events.push(event_id),
    onGap: (_, reason) => events.push(`gap: ${reason}`),
  });
  t.after(() => {
    live.dispatch({ type: "stop" });
    for (const client of server.clients) client.terminate();
    server.close();
  });
  return { live, visits, states, events };
}

async function until(met: () => boolean, what: string): Promise<void> {
  const deadline = Date.now() + 5_000;
  while (!met()) {
    if (Date.now() > deadline) assert.fail(`waited in vain for ${what}`);
    await new Promise((resolve) => setImmediate(resolve));
  }
}

test("a disconnected feed reconnects from its last cursor, and no event arrives twice", async (t) => {
  const { live, visits, events } = await feedOf(t);
  live.dispatch({ type: "start" });
  await until(() => visits.length === 1, "the first visit");
  visits[0]?.say({ type: "hello", cursor: "c0", heartbeat_s: 15 });
  visits[0]?.say({ type: "event", cursor: "c1", event: event("one") });
  await until(() => events.length === 2, "the first event");
  visits[0]?.socket.terminate();
  await until(() => visits.length === 2, "the second visit");
  assert.equal(visits[1]?.address, "/ws/events?cursor=c1");
  visits[1]?.say({ type: "hello", cursor: "c1", heartbeat_s: 15 });
  visits[1]?.say({ type: "event", cursor: "c2", event: event("two") });
  await until(() => events.length === 4, "the second event");
  assert.deepEqual(events, ["covered", "one", "covered", "two"]);
});

test("a revoked key ends the feed without another attempt", async (t) => {
  const { live, visits, states } = await feedOf(t);
  live.dispatch({ type: "start" });
  await until(() => visits.length === 1, "the visit");
  visits[0]?.say({ type: "hello", cursor: "c0", heartbeat_s: 15 });
  visits[0]?.socket.close(4401, "key_revoked");
  await until(() => states.at(-1)?.name === "stopped", "the end");
  assert.equal(visits.length, 1);
});

test("a changed filter is sent over the open socket, and is in the address of the next one", async (t) => {
  let filter: LiveFilter = { event_type: ["a", "b"] };
  const { live, visits, states, events } = await feedOf(t, () => filter);
  live.dispatch({ type: "start" });
  await until(() => visits.length === 1, "the visit");
  assert.equal(visits[0]?.address, "/ws/events?event_type=a&event_type=b");
  visits[0]?.say({ type: "hello", cursor: "c0", heartbeat_s: 15 });
  await until(() => states.at(-1)?.name === "open", "the open feed");
  filter = { user_id: "u 1" };
  assert.equal(live.sendFilter(), true);
  assert.equal(live.sendFilter(), true);
  await until(() => visits[0]?.heard.length === 1, "the subscribe frame");
  assert.deepEqual(JSON.parse(visits[0]?.heard[0] ?? ""), { type: "subscribe", filter });
  visits[0]?.say({ type: "event", cursor: "c1", event: event("old") });
  visits[0]?.say({ type: "subscribed" });
  await until(() => events.length === 3, "the answer");
  assert.deepEqual(events, ["covered", "old", "covered"]);
  visits[0]?.socket.terminate();
  await until(() => visits.length === 2, "the second visit");
  assert.equal(visits[1]?.address, "/ws/events?user_id=u+1&cursor=c1");
});

test("a filter is covered when the last one sent is confirmed, or at the next hello without a socket", async (t) => {
  let filter: LiveFilter = {};
  const { live, visits, events } = await feedOf(t, () => filter);
  assert.equal(live.sendFilter(), false);
  live.dispatch({ type: "start" });
  assert.equal(live.sendFilter(), true);
  await until(() => visits.length === 1, "the visit");
  visits[0]?.say({ type: "hello", cursor: "c0", heartbeat_s: 15 });
  await until(() => events.length === 1, "the hello");
  for (const user_id of ["u1", "u2"]) {
    filter = { user_id };
    live.sendFilter();
  }
  await until(() => visits[0]?.heard.length === 2, "both subscribe frames");
  visits[0]?.say({ type: "subscribed" });
  visits[0]?.say({ type: "event", cursor: "c1", event: event("of u1") });
  visits[0]?.say({ type: "subscribed" });
  await until(() => events.length === 3, "both answers");
  assert.deepEqual(events, ["covered", "of u1", "covered"]);
});

test("a filter that changes while the socket opens is sent after hello", async (t) => {
  let filter: LiveFilter = {};
  const { live, visits } = await feedOf(t, () => filter);
  live.dispatch({ type: "start" });
  filter = { source: ["shop"] };
  live.sendFilter();
  await until(() => visits.length === 1, "the visit");
  visits[0]?.say({ type: "hello", cursor: "c0", heartbeat_s: 15 });
  await until(() => visits[0]?.heard.length === 1, "the subscribe frame");
  assert.deepEqual(JSON.parse(visits[0]?.heard[0] ?? ""), { type: "subscribe", filter });
});

test("an unknown frame is ignored", async (t) => {
  const { live, visits, events } = await feedOf(t);
  live.dispatch({ type: "start" });
  await until(() => visits.length === 1, "the visit");
  visits[0]?.socket.send("no JSON");
  visits[0]?.socket.send("[]");
  visits[0]?.say({ type: "hello", cursor: "c0", heartbeat_s: 15 });
  visits[0]?.say({ type: "gap", cursor: "c5", reason: "too old" });
  await until(() => events.length === 2, "the gap");
  assert.deepEqual(events, ["covered", "gap: too old"]);
});

test("the address of the feed has the filter and the cursor", () => {
  assert.equal(feedPath({}, undefined), "/ws/events");
  assert.equal(
    feedPath({ source: ["a&b"] }, "10:12:"),
    "/ws/events?source=a%26b&cursor=10%3A12%3A",
  );
});
