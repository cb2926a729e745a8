import assert from "node:assert/strict";
import { createServer, type IncomingMessage } from "node:http";
import { after, type TestContext, test } from "node:test";
import { listenLocally } from "../../../testing/local-port.ts";
import { until } from "../../../testing/until.ts";
import { queryShop } from "../../test/helpers/databases.ts";
import {
  adminToken,
  call,
  createNotificationDatabases,
  notificationsOf,
  notificationsToken,
  orderMessage,
} from "../../test/helpers/notification-service.ts";
import { startService } from "../../test/helpers/services.ts";
import type { Bus } from "../bus/bus.ts";
import { openPostgresBus } from "../bus/postgres/postgres-bus.ts";
import { createLogger } from "../foundation/logger.ts";
import { startNotifications } from "./start-notifications.ts";

interface Place {
  readonly url: string;
  /** As the order service has it. */
  readonly bus: Bus;
}

/** One for the file: each test has its own service and its own orders. */
const databases = await createNotificationDatabases({ after });

async function setUp(t: TestContext, more: Readonly<Record<string, string>> = {}): Promise<Place> {
  const environment = { ...databases.environment, ...more };
  const { url } = await startService(t, startNotifications, environment);
  const logger = createLogger("test", "silent");
  const bus = openPostgresBus({ url: databases.bus, applicationName: "test orders", logger });
  t.after(() => bus.close());
  const isBound = async () =>
    (await queryShop(databases.bus, "select from bus.binding")).length > 0;
  await until(isBound, { what: "the queue" });
  return { url, bus };
}

interface Received {
  readonly path: string;
  readonly headers: IncomingMessage["headers"];
  readonly body: Record<string, unknown>;
}

/** A receiver that answers what `answer` says, with everything that it got. */
async function startReceiver(
  t: TestContext,
  answer: (count: number) => { readonly status: number; readonly location?: string },
): Promise<{ readonly url: string; readonly received: readonly Received[] }> {
  const received: Received[] = [];
  const server = createServer((request, response) => {
    const parts: Buffer[] = [];
    request.on("data", (part: Buffer) => parts.push(part));
    request.on("end", () => {
      const text = Buffer.concat(parts).toString();
      const body = text === "" ? {} : (JSON.parse(text) as Record<string, unknown>);
      received.push({ path: request.url ?? "", headers: request.headers, body });
      const { status, location } = answer(received.length);
      response.writeHead(status, location === undefined ? {} : { location });
      response.end("{}");
    });
  });
  return { url: `http://127.0.0.1:${await listenLocally(t, server)}`, received };
}

test("an order message becomes one notification, also when it is published again", async (t) => {
  const { url, bus } = await setUp(t, { SHOP_STOREFRONT_PUBLIC_URL: "https://shop.example" });
  const message = orderMessage("shop.order.paid.v1");
  const created = orderMessage("shop.order.created.v1", message.data);
  await bus.publish([message, message]);
  await bus.publish([message, created]);
  const list = await until(
    async () => {
      const found = await notificationsOf(url, `order_id=${message.data.id}`);
      return found.filter(({ state }) => state === "sent").length === 2 && found;
    },
    { what: "two notifications" },
  );
  assert.deepEqual(list.map(({ kind }) => kind).toSorted(), ["order_created", "order_paid"]);
  const paid = list.find(({ kind }) => kind === "order_paid");
  assert.equal(paid?.attempts, 1);
  assert.equal(paid?.to, "shopper@example.com");
  assert.equal(paid?.channel, "log");
  assert.match(paid?.text ?? "", /£25\.00/);
  assert.match(paid?.text ?? "", new RegExp(`https://shop.example/orders/${message.data.id}`));
  assert.deepEqual((await notificationsOf(url, `user_id=${message.data.user_id}`)).length, 2);
});

test("preferences decide language, channels and what is not sent at all", async (t) => {
  const webhook = await startReceiver(t, () => ({ status: 204 }));
  const { url, bus } = await setUp(t, { SHOP_NOTIFICATIONS_WEBHOOK_URL: webhook.url });
  const message = orderMessage();
  const user = message.data.user_id;
  const none = await call(`${url}/preferences/${user}`);
  assert.deepEqual(none.body, {
    ...{ user_id: user, channels: null, language: null, opted_out: [], updated_at: null },
  });
  const wanted = { channels: ["webhook", "log"], language: "tr", opted_out: ["order_shipped"] };
  const put = await call(`${url}/preferences/${user}`, { method: "PUT", body: wanted });
  assert.equal(put.status, 200);
  const { updated_at: _at, ...kept } = (await call(`${url}/preferences/${user}`)).body;
  assert.deepEqual(kept, { user_id: user, ...wanted });

  const shipped = orderMessage("shop.order.shipped.v1", message.data);
  await bus.publish([message, shipped]);
  const list = await until(
    async () => {
      const found = await notificationsOf(url, `user_id=${user}`);
      return (
        found.filter(({ state }) => state !== "pending" && state !== "sending").length === 4 &&
        found
      );
    },
    { what: "four notifications" },
  );
  const states = list.map(({ kind, channel, state }) => `${kind} ${channel} ${state}`).toSorted();
  assert.deepEqual(states, [
    "order_paid log sent",
    "order_paid webhook sent",
    "order_shipped log opted_out",
    "order_shipped webhook opted_out",
  ]);
  assert.equal(webhook.received.length, 1);
  const sent = list.find(({ kind, channel }) => kind === "order_paid" && channel === "webhook");
  assert.equal(webhook.received[0]?.headers["idempotency-key"], sent?.id);
  assert.equal(webhook.received[0]?.body["language"], "tr");
  assert.match(String(webhook.received[0]?.body["subject"]), /ödemesi alındı/);

  const refused = [
    { channels: ["pigeon"] },
    { channels: [] },
    { language: "de" },
    { opted_out: ["sign_in_link"] },
    { unknown: 1 },
  ];
  for (const body of refused) {
    const { status } = await call(`${url}/preferences/${user}`, { method: "PUT", body });
    assert.equal(status, 400, JSON.stringify(body));
  }
});

test("a channel that fails is tried again after a delay; one that works is not called again for it", async (t) => {
  const webhook = await startReceiver(t, (count) => ({ status: count < 3 ? 503 : 200 }));
  const { url, bus } = await setUp(t, {
    SHOP_NOTIFICATIONS_WEBHOOK_URL: webhook.url,
    SHOP_NOTIFICATIONS_CHANNELS: "log,webhook",
  });
  const message = orderMessage();
  await bus.publish([message]);
  const list = await until(
    async () => {
      const found = await notificationsOf(url, `order_id=${message.data.id}`);
      return found.filter(({ state }) => state === "sent").length === 2 && found;
    },
    { what: "both channels" },
  );
  const attempts = Object.fromEntries(list.map((one) => [one.channel, one.attempts]));
  assert.deepEqual(attempts, { log: 1, webhook: 3 });
  const keys = new Set(webhook.received.map(({ headers }) => headers["idempotency-key"]));
  assert.equal(webhook.received.length, 3);
  assert.equal(keys.size, 1);
});

test("a redirect is not followed: the message is a dead letter, which can be replayed after the repair", async (t) => {
  const elsewhere = await startReceiver(t, () => ({ status: 200 }));
  let isRepaired = false;
  const webhook = await startReceiver(t, () =>
    isRepaired ? { status: 200 } : { status: 307, location: elsewhere.url },
  );
  const { url, bus } = await setUp(t, {
    SHOP_NOTIFICATIONS_WEBHOOK_URL: webhook.url,
    SHOP_NOTIFICATIONS_CHANNELS: "webhook",
  });
  const message = orderMessage();
  await bus.publish([message]);
  const [letter] = await until(
    async () => {
      const { body } = await call<{ items: { id: string; reason: string; body: string }[] }>(
        `${url}/dead-letters`,
        { token: adminToken },
      );
      const own = body.items.filter(({ id }) => id === message.id);
      return own.length > 0 && own;
    },
    { what: "the dead letter" },
  );
  assert.equal(letter?.id, message.id);
  assert.equal(letter?.reason, "webhook: the webhook answered 307");
  assert.deepEqual(JSON.parse(letter?.body ?? ""), message);
  assert.equal(elsewhere.received.length, 0);
  const [failed] = await notificationsOf(url, `order_id=${message.data.id}`);
  assert.equal(failed?.state, "failed");

  isRepaired = true;
  const replay = `${url}/dead-letters/${message.id}/replay`;
  assert.equal((await call(replay, { method: "POST", token: adminToken })).status, 202);
  await until(
    async () => (await notificationsOf(url, `order_id=${message.data.id}`))[0]?.state === "sent",
    { what: "the replayed notification" },
  );
  assert.equal((await call(replay, { method: "POST", token: adminToken })).status, 404);
});

test("a message that does not match its schema is a dead letter at once, and can be discarded", async (t) => {
  const { url, bus } = await setUp(t);
  const message = orderMessage();
  const { email: _email, ...data } = message.data;
  const twoAddresses = orderMessage("shop.order.paid.v1", { email: "a@b.example, c@d.example" });
  await bus.publish([{ ...message, data }, twoAddresses]);
  const letters = await until(
    async () => {
      const list = await bus.deadLetters("shop.notifications").list();
      const own = list.filter(({ id }) => [message.id, twoAddresses.id].includes(id));
      return own.length === 2 && own;
    },
    { what: "two dead letters" },
  );
  const reasons = letters.map(({ reason }) => reason).toSorted();
  assert.deepEqual(reasons, [
    "shop.order.paid.v1: data must have required property 'email'",
    "shop.order.paid.v1: the recipient is not one mail address",
  ]);
  const discard = `${url}/dead-letters/${message.id}`;
  assert.equal((await call(discard, { method: "DELETE", token: adminToken })).status, 204);
  assert.equal((await call(discard, { method: "DELETE", token: adminToken })).status, 404);
});

test("a sign-in link is sent once for each Idempotency-Key, in the language that was asked for", async (t) => {
  const { url } = await setUp(t);
  const link = "https://shop.example/sign-in?token=abc";
  const body = { template: "sign_in_link", to: "new@example.com", language: "tr", data: { link } };
  const headers = { "idempotency-key": "key-1" };
  for (let repetition = 0; repetition < 3; repetition += 1) {
    const answer = await call(`${url}/messages`, { method: "POST", body, headers });
    assert.equal(answer.status, 202);
    assert.deepEqual(answer.body, { id: "message:key-1", state: "sent" });
  }
  const list = await notificationsOf(url, "to=new@example.com");
  assert.equal(list.length, 1);
  assert.equal(list[0]?.subject, "Giriş bağlantınız");
  assert.ok(list[0]?.text.includes(link));
  assert.match(list[0]?.text ?? "", /15 dakika/);

  const refused = [
    { ...body, to: "a@b.example,c@d.example" },
    { ...body, to: "a@b.example\r\nBcc: c@d.example" },
    { ...body, data: { link: "javascript:alert(1)" } },
    { ...body, template: "other" },
    { ...body, language: "de" },
  ];
  for (const wrong of refused) {
    const { status } = await call(`${url}/messages`, { method: "POST", body: wrong });
    assert.equal(status, 400, JSON.stringify(wrong));
  }
});

test("a sign-in link whose channel fails is queued and sent later", async (t) => {
  const webhook = await startReceiver(t, (count) => ({ status: count === 1 ? 503 : 200 }));
  const { url } = await setUp(t, {
    SHOP_NOTIFICATIONS_WEBHOOK_URL: webhook.url,
    SHOP_NOTIFICATIONS_CHANNELS: "webhook",
  });
  const data = { link: "https://shop.example/sign-in", minutes: 5 };
  const body = { template: "sign_in_link", to: "late@example.com", language: "en", data };
  const answer = await call(`${url}/messages`, { method: "POST", body });
  assert.equal(answer.status, 202);
  assert.equal(answer.body["state"], "queued");
  await until(
    async () => (await notificationsOf(url, "to=late@example.com"))[0]?.state === "sent",
    { what: "the link" },
  );
  assert.equal(webhook.received.length, 2);
});

test("a lost queue makes the service ask orders for its messages again; what was sent is not sent twice", async (t) => {
  const orders = await startReceiver(t, (count) => ({ status: count === 1 ? 503 : 202 }));
  const { url, bus } = await setUp(t, { SHOP_ORDERS_URL: orders.url });
  // of the first start, when the queue was not there either; a 503 is tried again
  await until(() => orders.received.length >= 2, { what: "the first catch-up" });
  const message = orderMessage();
  await bus.publish([message]);
  const sent = () =>
    notificationsOf(url, `order_id=${message.data.id}`).then((list) => list[0]?.state === "sent");
  await until(sent, { what: "the notification" });

  const before = orders.received.length;
  await queryShop(databases.bus, "delete from bus.queue");
  await until(() => orders.received.length > before, { what: "the call of orders" });
  const asked = orders.received.at(-1);
  assert.equal(asked?.path, "/events/replay");
  assert.equal(asked?.headers.authorization, `Bearer ${notificationsToken}`);
  const since = Date.parse(String(asked?.body["since"]));
  assert.ok(since <= Date.parse(message.time), "since reaches back before the message");
  // what orders then does
  const other = orderMessage();
  await bus.publish([message, other]);
  await until(
    async () => (await notificationsOf(url, `order_id=${other.data.id}`))[0]?.state === "sent",
    { what: "the message that was lost" },
  );
  await until(
    async () => (await queryShop(databases.bus, "select from bus.message")).length === 0,
    {
      what: "an empty queue",
    },
  );
  const list = await notificationsOf(url, `order_id=${message.data.id}`);
  assert.deepEqual(
    list.map(({ attempts }) => attempts),
    [1],
  );
});

test("each route is for its callers only, and lists have pages", async (t) => {
  const { url, bus } = await setUp(t);
  const message = orderMessage();
  const types = ["shop.order.created.v1", "shop.order.paid.v1", "shop.order.shipped.v1"] as const;
  await bus.publish(types.map((type) => orderMessage(type, message.data)));
  await until(
    async () => (await notificationsOf(url, `user_id=${message.data.user_id}`)).length === 3,
    { what: "three notifications" },
  );
  const seen: string[] = [];
  let after = "";
  do {
    const { body } = await call<{ items: { id: string }[]; next: string | null }>(
      `${url}/notifications?user_id=${message.data.user_id}&limit=1${after}`,
    );
    seen.push(...body.items.map(({ id }) => id));
    after = body.next === null ? "" : `&after=${body.next}`;
  } while (after !== "");
  assert.equal(new Set(seen).size, 3);

  const refused: readonly (readonly [string, string, string, number])[] = [
    ["GET", "/notifications?user_id=a", "wrong-token-wrong-token", 401],
    ["GET", "/notifications", adminToken, 400],
    ["GET", "/notifications?user_id=a&order_id=b", adminToken, 400],
    ["GET", "/notifications?user_id=a&after=x", adminToken, 400],
    ["GET", "/preferences/a", "wrong-token-wrong-token", 401],
    ["POST", "/messages", adminToken, 403],
    ["GET", "/dead-letters", "wrong-token-wrong-token", 401],
    ["POST", "/dead-letters/1/replay", "wrong-token-wrong-token", 401],
  ];
  for (const [method, path, token, status] of refused) {
    assert.equal((await call(`${url}${path}`, { method, token })).status, status, path);
  }
  assert.equal((await call(`${url}/dead-letters`)).status, 403);
});
