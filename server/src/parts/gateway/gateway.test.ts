import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { request } from "node:http";
import { type TestContext, test } from "node:test";
import { closeReasons } from "@weir/protocol";
import { createTestDatabase, type TestDatabase } from "../../../../testing/database.ts";
import { until } from "../../../../testing/until.ts";
import {
  append,
  type LiveServer,
  openReader,
  prepareLog,
  refusedUpgrade,
  startLiveServer,
} from "../../../test/helpers/live-server.ts";
import { WeirError } from "../../core/errors.ts";
import { encodeCursor } from "./cursor.ts";
import type { GatewayOptions } from "./ports.ts";

async function start(
  t: TestContext,
  options: Partial<GatewayOptions> = {},
): Promise<{ database: TestDatabase; live: LiveServer }> {
  const database = await createTestDatabase(t);
  await prepareLog(database);
  return { database, live: await startLiveServer(t, database, options) };
}

test("an event appears with its facts, its source and its payload as sent", async (t) => {
  const { database, live } = await start(t);
  const reader = await openReader(t, live);
  const id = randomUUID();
  const payload = '{ "event_type":"purchase", "n":12345678901234567890.5 }';
  await append(database, [
    { id, type: "purchase", user: "u1", product: "p1", payload, service: 2 },
  ]);
  await until(() => reader.events.length === 1, { what: "the event" });
  const [event] = reader.events;
  assert.deepEqual(
    { ...event, received_at: "", occurred_at: "" },
    {
      event_id: id,
      event_type: "purchase",
      source: "shop-pos",
      format: "native",
      received_at: "",
      occurred_at: "",
      user_id: "u1",
      product_id: "p1",
      payload: JSON.parse(payload),
    },
  );
  assert.ok(Math.abs(Date.parse(event?.received_at ?? "") - Date.now()) < 10_000);
  assert.deepEqual(
    reader.frames.map(({ type }) => type),
    ["hello", "event"],
  );
});

test("filters of the query and of subscribe frames decide what is sent", async (t) => {
  const { database, live } = await start(t);
  const byType = await openReader(t, live, { query: "event_type=cart&event_type=purchase" });
  const byUser = await openReader(t, live, { query: "user_id=u2" });
  const bySource = await openReader(t, live, { query: "source=shop-pos&product_id=p9" });
  const changing = await openReader(t, live);
  changing.socket.send(JSON.stringify({ type: "subscribe", filter: { event_type: ["cart"] } }));
  const all = await openReader(t, live);
  await until(() => changing.frames.at(-1)?.type === "subscribed", { what: "the filter to hold" });
  await append(database, [
    { type: "view", user: "u1", product: "p9", service: 2 },
    { type: "cart", user: "u2", product: "p9" },
    { type: "purchase", user: "u1", product: "p1", service: 2 },
  ]);
  await until(() => all.events.length === 3, { what: "three events" });
  await until(() => byType.events.length === 2, { what: "two events" });
  const types = (reader: typeof all) => reader.events.map(({ event_type }) => event_type).sort();
  assert.deepEqual(types(byType), ["cart", "purchase"]);
  assert.deepEqual(types(byUser), ["cart"]);
  assert.deepEqual(types(bySource), ["view"]);
  assert.deepEqual(types(changing), ["cart"]);
});

test("the log is read only while a socket is open, and once for all sockets", async (t) => {
  const { database, live } = await start(t, { limits: { pollMs: 5 } });
  assert.equal(live.reads(), 0);
  const readers = await Promise.all(Array.from({ length: 20 }, () => openReader(t, live)));
  await append(database, [{}]);
  await until(() => readers.every(({ events }) => events.length === 1), { what: "the event" });
  assert.equal(live.gateway.stats().events, 1);
  assert.equal(live.gateway.stats().frames, 20);
  for (const reader of readers) await reader.close();
  let before = -1;
  const isQuiet = () => {
    const quiet = before === live.reads();
    before = live.reads();
    return quiet;
  };
  await until(isQuiet, { what: "no more reads", everyMs: 50 });
  await append(database, [{}]);
  const late = await openReader(t, live);
  await append(database, [{ type: "late" }]);
  await until(() => late.events.length === 1, { what: "the late event" });
  assert.equal(late.events[0]?.event_type, "late");
});

test("without a key 401, without the permission 403 that names it, both before the upgrade", async (t) => {
  const { live } = await start(t);
  const anonymous = await refusedUpgrade(live, { headers: {} });
  assert.equal(anonymous.status, 401);
  assert.equal(anonymous.body["code"], "unauthenticated");
  const powerless = await refusedUpgrade(live, { headers: { "x-api-key": "powerless" } });
  assert.equal(powerless.status, 403);
  assert.equal(powerless.body["permission"], "live.get.event_feed");
});

test("a session cookie opens the feed from our own pages and allowed ones, and from no other", async (t) => {
  const { live } = await start(t);
  const cookie = { cookie: "weir_session=x" };
  const host = new URL(live.url).host;
  for (const origin of [undefined, "https://evil.example", `http://evil.${host}`, "null"]) {
    const headers = { ...cookie, ...(origin === undefined ? {} : { origin }) };
    const answer = await refusedUpgrade(live, { headers });
    assert.equal(answer.status, 403, origin);
    assert.equal(answer.body["code"], "csrf");
  }
  for (const origin of [`http://${host}`, "https://allowed.example"]) {
    await assert.rejects(refusedUpgrade(live, { headers: { ...cookie, origin } }), /was accepted/);
  }
});

test("malformed cursors and filters are a 400 that says what is wrong", async (t) => {
  const { live } = await start(t);
  const from = { xmin: 5n, xmax: 9n, xip: [5n, 7n] };
  const sound = encodeCursor({ incarnation: "0123456789abcdef", at: Date.now(), from });
  for (const query of [
    "cursor=AAAA",
    "cursor=%00",
    `cursor=${sound}A`,
    `cursor=${sound}&cursor=${sound}`,
    `cursor=${"A".repeat(5_000)}`,
    `cursor=${Buffer.from("1~zz~5.4.0,9~").toString("base64url")}`,
    "user_id=a&user_id=b",
    "event_typ=x",
    `source=${"x".repeat(300)}`,
  ]) {
    const answer = await refusedUpgrade(live, { query });
    assert.equal(answer.status, 400, query);
    assert.equal(answer.body["code"], "invalid_query");
  }
});

test("bad frames close the feed with 4400 and a reason; other sockets stay open", async (t) => {
  const { live } = await start(t);
  const bystander = await openReader(t, live);
  for (const bad of [
    "not json",
    "[]",
    "null",
    '{"type":"pause"}',
    '{"type":"subscribe"}',
    '{"type":"subscribe","filter":{"event_type":"view"}}',
    '{"type":"subscribe","filter":{"__proto__":[]},"x":1}',
    '{"type":"subscribe","filter":{"nope":"x"}}',
    Buffer.from("binary"),
  ]) {
    const reader = await openReader(t, live);
    reader.socket.send(bad);
    await until(() => reader.end.code !== undefined, { what: `the end after ${bad}` });
    assert.equal(reader.end.code, closeReasons.bad_frame, String(bad));
    assert.equal(reader.end.bye, "bad_frame");
  }
  const huge = await openReader(t, live);
  huge.socket.send(" ".repeat(17 * 1024));
  await until(() => huge.end.code !== undefined, { what: "the end of the huge frame" });
  assert.equal(huge.end.code, 1009);
  const flood = await openReader(t, live);
  for (let n = 0; n < 30; n++) flood.socket.send('{"type":"subscribe","filter":{}}');
  await until(() => flood.end.code === closeReasons.bad_frame, { what: "the end of the flood" });
  assert.equal(bystander.end.code, undefined);
});

test("a revoked key or a lost permission closes the feed within a second; others stay open", async (t) => {
  const { live } = await start(t);
  const revoked = await openReader(t, live, { key: "revoked" });
  const demoted = await openReader(t, live, { key: "demoted" });
  const other = await openReader(t, live, { key: "other" });
  const at = performance.now();
  live.refusals.set("revoked", new WeirError("key_revoked"));
  live.refusals.set("demoted", new WeirError("forbidden", { permission: "live.get.event_feed" }));
  // a directory that cannot be asked is no reason to cut anybody off
  live.refusals.set("other", new WeirError("unavailable"));
  await until(() => revoked.end.code && demoted.end.code, { what: "both ends" });
  // the second itself is measured by the promise, alone
  assert.ok(performance.now() - at < 10_000, `${performance.now() - at} ms`);
  assert.deepEqual(revoked.end, { code: closeReasons.key_revoked, bye: "key_revoked" });
  assert.deepEqual(demoted.end, { code: closeReasons.forbidden, bye: "forbidden" });
  assert.equal(other.end.code, undefined);
});

test("a change of the directory applies at once", async (t) => {
  let change: () => void = () => {};
  const { live } = await start(t, {
    limits: { recheckMs: 60_000 },
    onDirectoryChange: (wake) => {
      change = wake;
      return () => undefined;
    },
  });
  const reader = await openReader(t, live);
  live.refusals.set("key-1", new WeirError("key_expired"));
  change();
  await until(() => reader.end.code === closeReasons.key_revoked, { what: "the end" });
});

test("the number of feeds is limited in total and per key, and a closed feed frees its slot", async (t) => {
  const { live } = await start(t, { limits: { sockets: 3, socketsPerKey: 2 } });
  const first = await openReader(t, live, { key: "a" });
  await openReader(t, live, { key: "a" });
  assert.equal((await refusedUpgrade(live, { headers: { "x-api-key": "a" } })).status, 429);
  await openReader(t, live, { key: "b" });
  assert.equal((await refusedUpgrade(live, { headers: { "x-api-key": "c" } })).status, 503);
  await first.close();
  await until(() => live.gateway.stats().sockets === 2, { what: "a free seat" });
  await openReader(t, live, { key: "c" });
});

test("heartbeats carry the cursor, and a peer that does not answer is disconnected", async (t) => {
  const { live } = await start(t, { limits: { heartbeatMs: 60 } });
  const reader = await openReader(t, live);
  const beats = () => reader.frames.filter(({ type }) => type === "heartbeat").length;
  await until(() => beats() >= 4, { what: "four heartbeats" });
  const dead = await openReader(t, live);
  (dead.socket as unknown as { _socket: { pause(): void } })._socket.pause();
  await until(() => live.gateway.stats().closed.dead === 1, { what: "the dead peer's end" });
  assert.equal(reader.end.code, undefined);
});

test("a stop closes all feeds with 1001 within a second, silent peers included", async (t) => {
  const { live } = await start(t);
  const reader = await openReader(t, live);
  const silent = await openReader(t, live);
  (silent.socket as unknown as { _socket: { pause(): void } })._socket.pause();
  const at = performance.now();
  await live.stop();
  // a peer that closes has 5 s
  assert.ok(performance.now() - at < 4_500, `${performance.now() - at} ms`);
  await until(() => reader.end.code !== undefined, { what: "the end" });
  assert.deepEqual(reader.end, { code: 1001, bye: "going_away" });
  assert.equal((await refusedUpgrade(live, {})).status, 503);
});

test("other paths are a 404, and other upgrade protocols continue as plain requests", async (t) => {
  const { live } = await start(t);
  const away = { ...live, url: live.url.replace("/ws/events", "/ws/other") };
  assert.equal((await refusedUpgrade(away, {})).status, 404);
  const status = await new Promise((resolve, reject) => {
    const headers = { connection: "Upgrade", upgrade: "h2c" };
    const sent = request(live.url.replace("ws:", "http:"), { headers }, (response) => {
      response.resume();
      resolve(response.statusCode);
    });
    sent.on("error", reject);
    sent.end();
  });
  assert.equal(status, 200);
});
