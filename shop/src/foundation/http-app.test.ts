import assert from "node:assert/strict";
import { once } from "node:events";
import { connect } from "node:net";
import { test } from "node:test";
import type { CleanUp } from "../../../testing/database.ts";
import { until } from "../../../testing/until.ts";
import { type App, type AppOptions, createApp, listen } from "./http-app.ts";
import { createLogger } from "./logger.ts";
import { Problem, problemKinds } from "./problems.ts";
import { requireCaller } from "./tokens.ts";

const logger = createLogger("test", "silent");

async function serve(
  t: CleanUp,
  mount: (app: App) => void,
  options: Partial<AppOptions> = {},
): Promise<{ url: string; close(): Promise<void> }> {
  const app = createApp({ logger, checks: {}, ...options });
  mount(app);
  const listening = await listen(app, { host: "127.0.0.1", port: 0, drainMs: 600_000 });
  const close = async (): Promise<void> => listening[Symbol.asyncDispose]();
  t.after(close);
  return { url: listening.url, close };
}

const post = (url: string, body: string, headers: Record<string, string> = {}) =>
  fetch(url, {
    method: "POST",
    body,
    headers: { "content-type": "application/json", ...headers },
  });

const bodySchema = {
  type: "object",
  required: ["items"],
  additionalProperties: false,
  properties: {
    items: {
      type: "array",
      items: {
        type: "object",
        required: ["quantity"],
        properties: { quantity: { type: "integer", minimum: 1 } },
      },
    },
  },
};

test("a wrong request is answered with a problem that names the member", async (t) => {
  const { url } = await serve(t, (app) => {
    app.post("/orders", { schema: { body: bodySchema } }, async () => ({}));
    app.get(
      "/orders",
      { schema: { querystring: { type: "object", properties: { limit: { type: "integer" } } } } },
      async (request) => request.query,
    );
  });
  const detailOf = async (body: string) => {
    const response = await post(`${url}/orders`, body);
    assert.equal(response.headers.get("content-type")?.split(";")[0], "application/problem+json");
    const problem = (await response.json()) as Record<string, unknown>;
    assert.equal(problem["request_id"], response.headers.get("x-request-id"));
    return `${response.status} ${problem["code"]}: ${problem["detail"]}`;
  };
  assert.equal(
    await detailOf("{}"),
    "400 invalid_request: body must have required property 'items'",
  );
  assert.equal(
    await detailOf('{"items":[{"quantity":1},{"quantity":0}]}'),
    "400 invalid_request: body: items[1].quantity must be >= 1",
  );
  assert.equal(
    await detailOf('{"items":[{"quantity":null}]}'),
    "400 invalid_request: body: items[0].quantity must be integer",
  );
  assert.equal(
    await detailOf('{"items":[],"price":1}'),
    '400 invalid_request: body has the unknown member "price"',
  );
  assert.match(await detailOf("{"), /^400 invalid_request: /);
  assert.match(await detailOf(`{"items":"${"x".repeat(70_000)}"}`), /^413 too_large: /);
  assert.equal((await post(`${url}/orders`, "a=1", { "content-type": "text/csv" })).status, 415);
  assert.deepEqual(await (await fetch(`${url}/orders?limit=20`)).json(), { limit: 20 });
  const words = await fetch(`${url}/orders?limit=many`);
  assert.match(await words.text(), /querystring: limit must be integer/);
  assert.equal((await fetch(`${url}/nothing`)).status, 404);
});

test("headers that are too large, and what is not HTTP, are refused", async (t) => {
  const { url } = await serve(t, () => {});
  const answerTo = async (text: string): Promise<string> => {
    const socket = connect(Number(new URL(url).port), "127.0.0.1");
    let answer = "";
    socket.on("data", (chunk) => {
      answer += chunk;
    });
    socket.write(text);
    await once(socket, "close");
    return answer;
  };
  assert.match(
    await answerTo(`GET / HTTP/1.1\r\nhost: a\r\nx: ${"y".repeat(20_000)}\r\n\r\n`),
    /^HTTP\/1\.1 431 .*"code":"too_large"/s,
  );
  assert.match(await answerTo("HELO shop\r\n\r\n"), /^HTTP\/1\.1 400 .*"code":"invalid_request"/s);
});

test("an unexpected error says nothing of its cause, and a request has a time limit", async (t) => {
  const { url } = await serve(
    t,
    (app) => {
      app.get("/broken", async () => {
        throw new Error("password hunter2 is wrong");
      });
      app.get("/slow", { handlerTimeout: 20 }, () => new Promise(() => {}));
      app.get("/taken", async () => {
        throw new Problem({ code: "taken", status: 409, title: "Taken" }, "It is.", { by: "a" });
      });
    },
    {},
  );
  const broken = await fetch(`${url}/broken`);
  assert.equal(broken.status, 500);
  assert.doesNotMatch(await broken.text(), /hunter2/);
  const slow = await fetch(`${url}/slow`);
  assert.equal(slow.status, problemKinds.time_limit.status);
  assert.match(await slow.text(), /"code":"time_limit"/);
  const taken = await fetch(`${url}/taken`, { headers: { "x-request-id": "id-of-caller.1" } });
  assert.deepEqual(await taken.json(), {
    type: "about:blank",
    title: "Taken",
    status: 409,
    code: "taken",
    detail: "It is.",
    by: "a",
    request_id: "id-of-caller.1",
  });
});

test("only the callers of a route pass, with their own token", async (t) => {
  const tokens = { orders: "token-of-orders-0001", admin: "token-of-admin-00002" };
  const { url } = await serve(t, (app) => {
    app.get("/", { onRequest: requireCaller(tokens, ["admin"]) }, async () => ({}));
  });
  const status = async (authorization?: string) =>
    (await fetch(url, { headers: authorization === undefined ? {} : { authorization } })).status;
  assert.equal(await status(), 401);
  assert.equal(await status("Bearer token-of-a-stranger-3"), 401);
  assert.equal(await status(`Basic ${tokens.admin}`), 401);
  assert.equal(await status(`Bearer ${tokens.orders}`), 403);
  assert.equal(await status(`Bearer ${tokens.admin}`), 200);
});

test("readiness names what is missing; only what is required makes a service not ready", async (t) => {
  let reason: string | undefined;
  const { url } = await serve(t, () => {}, {
    checks: {
      database: {
        required: true,
        run: async () => {
          if (reason !== undefined) throw new Error(reason);
        },
      },
      cache: { required: false, run: () => Promise.reject(new Error("no connection")) },
    },
  });
  assert.equal((await fetch(`${url}/health/live`)).status, 200);
  const cache = { ok: false, required: false, reason: "no connection" };
  const ready = await fetch(`${url}/health/ready`);
  assert.equal(ready.status, 200);
  assert.deepEqual(await ready.json(), {
    status: "ready",
    checks: { database: { ok: true, required: true }, cache },
  });
  reason = "connection refused";
  const notReady = await fetch(`${url}/health/ready`);
  assert.equal(notReady.status, 503);
  assert.deepEqual(await notReady.json(), {
    status: "not_ready",
    checks: { database: { ok: false, required: true, reason }, cache },
  });
});

test("closing lets a request in progress finish", async (t) => {
  const entered = Promise.withResolvers<void>();
  const finish = Promise.withResolvers<void>();
  const { url, close } = await serve(t, (app) => {
    app.get("/long", async () => {
      entered.resolve();
      await finish.promise;
      return { done: true };
    });
  });
  const answer = fetch(`${url}/long`);
  await entered.promise;
  const closed = close();
  await until(
    () =>
      fetch(url).then(
        (response) => response.status === 503,
        () => true,
      ),
    {
      what: "new requests to be refused",
    },
  );
  finish.resolve();
  assert.deepEqual(await (await answer).json(), { done: true });
  await closed;
});
