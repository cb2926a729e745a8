import assert from "node:assert/strict";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { createServer as createSocketServer } from "node:net";
import { type TestContext, test } from "node:test";
import { startReceiver, verify } from "../../../test/helpers/webhook-receiver.ts";
import type { Guard } from "../../core/ports/guard.ts";
import { createAddressPolicy } from "./address-policy.ts";
import { createWebhookDestination, readRetryAfter } from "./destination.ts";
import type { Resolve } from "./resolver.ts";
import { createWebhookEndpoint } from "./sender.ts";

const secret = `whsec_${Buffer.alloc(32, 7).toString("base64")}`;

interface Options {
  readonly url: string;
  readonly allowed?: readonly string[];
  readonly resolve?: Resolve;
  readonly limitMs?: number;
  readonly connectTimeoutMs?: number;
}

/** A guard without a breaker, with a time limit. */
function guard(limitMs: number): Guard {
  return {
    name: "delivery:test",
    state: "CLOSED",
    retryAfterMs: 0,
    execute: (work, signal) =>
      work(
        AbortSignal.any([AbortSignal.timeout(limitMs), ...(signal === undefined ? [] : [signal])]),
      ),
  };
}

function open(t: TestContext, options: Options) {
  const { url, allowed = ["127.0.0.1"], limitMs = 20_000, connectTimeoutMs = 20_000 } = options;
  const destination = createWebhookDestination({
    endpoint: createWebhookEndpoint(
      {
        policy: createAddressPolicy(() => allowed),
        resolve: options.resolve ?? (() => Promise.reject(new Error("no look-up is needed"))),
        connectTimeoutMs: () => connectTimeoutMs,
        answerBytes: 1_000,
        userAgent: "weir/test",
      },
      { url, connections: 2 },
    ),
    guard: guard(limitMs),
    now: Date.now,
  });
  t.after(() => destination.close());
  const never = new AbortController().signal;
  return (secrets = [secret]) =>
    destination.send({ id: "msg_1", body: '{"a":"ğ"}', secrets }, never);
}

test("a post is signed as the reference library verifies it, by each secret of a rotation", async (t) => {
  const receiver = await startReceiver(t);
  const newer = `whsec_${Buffer.alloc(24, 9).toString("base64")}`;
  const outcome = await open(t, { url: receiver.url })([newer, secret]);
  assert.deepEqual(outcome, { kind: "delivered", status: 204, answer: "" });
  const [got] = receiver.received;
  assert.ok(got !== undefined);
  for (const one of [secret, newer]) verify(one, got);
  const other = `whsec_${Buffer.alloc(32, 1).toString("base64")}`;
  assert.throws(() => verify(other, got));
  assert.throws(() => verify(secret, { ...got, body: `${got.body} ` }));
});

test("a name is looked up once for a connection, and what the look-up said is connected to", async (t) => {
  const receiver = await startReceiver(t);
  const { port } = new URL(receiver.url);
  const asked: string[] = [];
  const send = open(t, {
    url: `http://hooks.internal:${port}/hook`,
    allowed: ["hooks.internal"],
    resolve: async (host) => {
      asked.push(host);
      return ["127.0.0.1"];
    },
  });
  assert.equal((await send()).kind, "delivered");
  assert.equal((await send()).kind, "delivered");
  assert.deepEqual(asked, ["hooks.internal"], "the second post used the connection of the first");
  assert.equal(receiver.received[0]?.headers.host, `hooks.internal:${port}`);
});

test("a name whose address becomes private after the check is refused at the next connection", async (t) => {
  let connections = 0;
  const inside = createSocketServer(() => connections++);
  await new Promise<void>((resolve) => inside.listen(0, "127.0.0.1", resolve));
  t.after(() => inside.close());
  const { port } = inside.address() as AddressInfo;
  const answers = [["93.184.215.14"], ["127.0.0.1"], ["169.254.169.254"], ["93.184.215.14", "::1"]];
  const policy = createAddressPolicy(() => []);
  const url = `https://rebind.example.org:${port}/`;
  // at creation
  policy.check(policy.readUrl(url), answers.shift() ?? []);
  const send = open(t, { url, allowed: [], resolve: async () => answers.shift() ?? [] });
  for (let turn = 0; turn < 3; turn++) {
    const outcome = await send();
    assert.equal(outcome.kind, "failed");
    assert.match((outcome as { error: string }).error, /deliveries.allow_private/);
  }
  assert.equal(connections, 0);
});

test("a redirect is a failure and is not followed", async (t) => {
  const inside = await startReceiver(t);
  const receiver = await startReceiver(t, (_request, response) => {
    response.setHeader("location", inside.url);
    return 307;
  });
  const outcome = await open(t, { url: receiver.url })();
  assert.equal(outcome.kind, "failed");
  assert.match((outcome as { error: string }).error, /redirects are not followed/);
  assert.equal(inside.received.length, 0);
});

test("an address that is no longer allowed is refused although it is connected", async (t) => {
  const receiver = await startReceiver(t);
  const allowed = ["127.0.0.1"];
  const send = open(t, { url: receiver.url, allowed });
  assert.equal((await send()).kind, "delivered");
  allowed.pop();
  assert.equal((await send()).kind, "failed");
  assert.equal(receiver.received.length, 1);
});

test("answers are failures with their reason: statuses, resets, silence, no connection", async (t) => {
  const receiver = await startReceiver(t, (_request, response) => {
    response.setHeader("retry-after", "7");
    return 503;
  });
  assert.deepEqual(await open(t, { url: receiver.url })(), {
    ...{ kind: "failed", status: 503, answer: "", error: "status 503", retryAfterMs: 7_000 },
  });
  const leaving = await startReceiver(t, () => 410);
  assert.deepEqual(await open(t, { url: leaving.url })(), {
    ...{ kind: "failed", status: 410, answer: "", error: "status 410", isGone: true },
  });
  const silent = await startReceiver(t, () => undefined);
  const late = await open(t, { url: silent.url, limitMs: 50 })();
  assert.equal(late.kind, "failed");
  const resetting = await startReceiver(t, (_request, response) => {
    response.socket?.destroy();
    return undefined;
  });
  assert.equal((await open(t, { url: resetting.url })()).kind, "failed");
  const gone = await startReceiver(t);
  await gone.close();
  assert.equal((await open(t, { url: gone.url })()).kind, "failed");
});

test("of an endless answer only the start is read, and its connection ends", async (t) => {
  const { promise: closed, resolve } = Promise.withResolvers<void>();
  const server = createServer((request, response) => {
    request.resume();
    response.writeHead(200);
    const timer = setInterval(() => response.write("x".repeat(512)), 1);
    response.on("close", () => {
      clearInterval(timer);
      resolve();
    });
  });
  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
  t.after(() => server.close());
  const { port } = server.address() as AddressInfo;
  const outcome = await open(t, { url: `http://127.0.0.1:${port}/` })();
  assert.deepEqual(
    [outcome.kind, (outcome as { answer: string }).answer.length],
    ["delivered", 1_000],
  );
  await closed;
});

test("a look-up that never ends is limited like a connection", async (t) => {
  const never = new Promise<string[]>(() => {});
  const send = open(t, {
    ...{ url: "https://slow.example.org/", connectTimeoutMs: 30, resolve: () => never },
  });
  const outcome = await send();
  assert.equal(outcome.kind, "failed");
});

test("Retry-After is seconds or a date, and a day at most", () => {
  const now = Date.UTC(2027, 0, 31, 12);
  assert.equal(readRetryAfter("120", now), 120_000);
  assert.equal(readRetryAfter("Sun, 31 Jan 2027 12:00:30 GMT", now), 30_000);
  assert.equal(readRetryAfter("Sun, 31 Jan 2027 11:00:00 GMT", now), 0);
  assert.equal(readRetryAfter("999999999", now), 86_400_000);
  assert.equal(readRetryAfter("soon", now), undefined);
  assert.equal(readRetryAfter(undefined, now), undefined);
});
