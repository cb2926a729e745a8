import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { createTestDatabase } from "../../../../testing/database.ts";
import {
  changing,
  openTestWebhooks,
  prepareSenders,
  sendEvents,
  startDeliveries,
} from "../../../../testing/deliveries.ts";
import { until } from "../../../../testing/until.ts";
import { serveRoutes } from "../../../test/helpers/http-server.ts";
import { startReceiver, verify } from "../../../test/helpers/webhook-receiver.ts";
import { deliveryRoutes } from "./routes.ts";

interface Answer {
  readonly status: number;
  // biome-ignore lint/suspicious/noExplicitAny: bodies of many routes
  readonly body: any;
}

async function serve(t: TestContext) {
  const database = await createTestDatabase(t);
  await prepareSenders(database);
  const { actor: _, ...shared } = changing(database);
  const { port } = await serveRoutes(t, {
    routes: deliveryRoutes({ ...shared, openDestination: openTestWebhooks(), now: Date.now }),
  });
  const callAs =
    (key: string) =>
    async (method: string, path: string, body?: unknown): Promise<Answer> => {
      const response = await fetch(`http://127.0.0.1:${port}/api/subscriptions${path}`, {
        method,
        headers: { "x-api-key": key, "content-type": "application/json" },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      });
      const text = await response.text();
      return { status: response.status, body: text === "" ? undefined : JSON.parse(text) };
    };
  return { database, call: callAs("good"), callWeakly: callAs("weak") };
}

test("a subscription is created, read, changed and deleted, and its secret is shown once", async (t) => {
  const { call, database } = await serve(t);
  const wanted = {
    ...{ name: "orders", url: "http://127.0.0.1:9/hook?token=abc", event_types: ["order.*"] },
    filter: { path: "event.total", op: "gte", value: 10 },
  };
  const made = await call("POST", "", wanted);
  assert.equal(made.status, 201, JSON.stringify(made.body));
  const { secret, subscription } = made.body;
  assert.match(secret, /^whsec_[A-Za-z0-9+/]{43}=$/);
  assert.deepEqual(subscription.filter, wanted.filter);
  const read = await call("GET", "/orders");
  assert.equal(read.body.id, subscription.id);
  assert.ok(!JSON.stringify(read.body).includes(secret));
  assert.deepEqual((await call("GET", `/${subscription.id}`)).body, read.body);
  const changed = await call("PATCH", "/orders", { filter: null, order_by: "user", name: "paid" });
  assert.deepEqual(
    [changed.body.name, changed.body.filter, changed.body.order_by, changed.body.event_types],
    ["paid", null, "user", ["order.*"]],
  );
  const rotated = await call("POST", "/paid/rotate", {});
  assert.notEqual(rotated.body.secret, secret);
  assert.equal((await call("GET", "/paid")).body.secrets.length, 2);
  const log = JSON.stringify(
    await database.app.query({ text: "select action, subject, detail from auth.audit_log" }),
  );
  for (const word of [secret, rotated.body.secret, "abc"]) assert.ok(!log.includes(word), word);
  assert.equal((await call("DELETE", "/paid")).status, 204);
  assert.equal((await call("GET", "/paid")).status, 404);
});

test("wrong subscriptions are refused with the place of the mistake", async (t) => {
  const { call, callWeakly } = await serve(t);
  const good = { name: "a", url: "http://127.0.0.1:9/" };
  assert.equal((await call("POST", "", good)).status, 201);
  const wrong: readonly (readonly [object, number, string, string?])[] = [
    [good, 409, "already_exists"],
    [{ ...good, name: "B" }, 422, "invalid_request"],
    [{ ...good, name: "b", url: "https://10.0.0.1/" }, 422, "destination_refused", "/url"],
    [{ ...good, name: "b", url: "https://169.254.169.254/" }, 422, "destination_refused", "/url"],
    [{ ...good, name: "b", url: "http://[::1]/" }, 422, "destination_refused", "/url"],
    [
      { ...good, name: "b", filter: { path: "a", op: "eq", value: 1 } },
      422,
      "invalid_request",
      "/filter/path",
    ],
    [{ ...good, name: "b", projection: ["a"] }, 422, "invalid_request"],
    [{ ...good, name: "b", projection: ["a/"] }, 422, "invalid_request", "/projection/0"],
    [{ ...good, name: "b", sources: ["\0"] }, 422, "invalid_request", "/sources/0"],
    [{ ...good, name: "b", from: "yesterday" }, 422, "invalid_request", "/from"],
    [{ ...good, name: "b", unknown: 1 }, 422, "invalid_request"],
    [{ ...good, name: "b", concurrency: 0 }, 422, "invalid_request"],
  ];
  for (const [body, status, code, pointer] of wrong) {
    const answer = await call("POST", "", body);
    const shown = `${JSON.stringify(body)} -> ${JSON.stringify(answer.body)}`;
    assert.deepEqual([answer.status, answer.body.code], [status, code], shown);
    if (pointer !== undefined) assert.equal(answer.body.errors[0].pointer, pointer, shown);
  }
  assert.equal((await callWeakly("GET", "")).status, 403);
  assert.equal((await callWeakly("POST", "", good)).status, 403);
  assert.equal((await call("GET", "/.hidden")).status, 404);
  assert.equal((await call("GET", "?cursor=AAAA")).body.code, "unanswerable_query");
  assert.equal(
    (await call("POST", "/a/replay", { from: "2027-01-02T00:00:00Z", to: "2027-01-01T00:00:00Z" }))
      .status,
    422,
  );
});

test("the test button sends a signed event at once and shows the answer", async (t) => {
  const { call } = await serve(t);
  let status = 200;
  const receiver = await startReceiver(t, (_request, response) => {
    response.writeHead(status).write("thanks");
    return status;
  });
  const { body } = await call("POST", "", { name: "a", url: receiver.url });
  const tested = await call("POST", "/a/test", {});
  assert.deepEqual(
    [tested.body.delivered, tested.body.status, tested.body.answer],
    [true, 200, "thanks"],
  );
  const [got] = receiver.received;
  assert.ok(got !== undefined);
  verify(body.secret, got);
  assert.equal(JSON.parse(got.body).type, "weir.test");
  status = 400;
  const failed = await call("POST", "/a/test", {});
  assert.deepEqual([failed.body.delivered, failed.body.error], [false, "status 400"]);
});

test("pause, resume and the log with its pages; answers are bounded and secrets are not in it", async (t) => {
  const { call, database } = await serve(t);
  const receiver = await startReceiver(t, (_request, response) => {
    response.writeHead(200).write("x".repeat(5_000));
    return 200;
  });
  const { secret } = (await call("POST", "", { name: "a", url: `${receiver.url}?key=hidden` }))
    .body;
  startDeliveries(t, database);
  await sendEvents(database.owner, [{}, {}, {}]);
  const delivered = await until(
    async () => {
      const { items } = (await call("GET", "/a/deliveries?state=delivered")).body;
      return items.length === 3 && items;
    },
    { what: "three deliveries in the log" },
  );
  assert.equal(delivered[0].attempts[0].answer.length, 1_000);
  assert.equal(delivered[0].source, "shop");
  const text = JSON.stringify(delivered);
  for (const word of [secret, "hidden"]) assert.ok(!text.includes(word), word);
  const ids: string[] = [];
  let cursor = "";
  do {
    const page = (await call("GET", `/a/deliveries?limit=2${cursor}`)).body;
    ids.push(...page.items.map(({ id }: { id: string }) => id));
    cursor = page.next === null ? "" : `&cursor=${page.next}`;
  } while (cursor !== "");
  assert.deepEqual(
    ids,
    delivered.map(({ id }: { id: string }) => id),
  );
  const paused = (await call("POST", "/a/pause", {})).body;
  assert.deepEqual(
    [paused.state, paused.is_behind, paused.state_reason],
    ["paused", true, "paused by shop/k"],
  );
  assert.equal((await call("POST", "/a/resume", {})).body.state, "active");
  const replay = await call("POST", "/a/replay", { from: "2020-01-01T00:00:00Z" });
  assert.equal(replay.status, 202);
  await until(() => receiver.received.length === 6, { what: "the replay" });
});
