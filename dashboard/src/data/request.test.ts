import assert from "node:assert/strict";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { type TestContext, test } from "node:test";
import { addressOf, asFailure, requestJson } from "./request.ts";
import { createSessionStore } from "./session-store.ts";
import { shareStructure } from "./share-structure.ts";

type Handle = (request: IncomingMessage, response: ServerResponse) => void;

async function serve(t: TestContext, handle: Handle): Promise<string> {
  const server = createServer(handle);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

async function failure(promise: Promise<unknown>) {
  try {
    await promise;
  } catch (error) {
    return asFailure(error);
  }
  return assert.fail("it did not fail");
}

test("a problem document becomes a failure with its code, detail and missing permission", async (t) => {
  const origin = await serve(t, (_, response) => {
    response.writeHead(403, { "content-type": "application/problem+json" });
    response.end(
      JSON.stringify({
        code: "forbidden",
        title: "T",
        detail: "D",
        permission: "windows.get.window_list",
      }),
    );
  });
  const found = await failure(requestJson("/x", { origin }));
  assert.equal(found.code, "forbidden");
  assert.equal(found.status, 403);
  assert.equal(found.permission, "windows.get.window_list");
  assert.equal(found.retryable, false);
});

test("an answer that is not from Weir is unreadable, and a server that is down is unreachable", async (t) => {
  const origin = await serve(t, (request, response) => {
    response.writeHead(request.url === "/gateway" ? 502 : 200, { "content-type": "text/html" });
    response.end("<html>hello</html>");
  });
  assert.equal((await failure(requestJson("/page", { origin }))).code, "unreadable");
  assert.equal((await failure(requestJson("/gateway", { origin }))).code, "unreachable");
  assert.equal(
    (await failure(requestJson("/x", { origin: "http://127.0.0.1:1" }))).retryable,
    true,
  );
});

test("an unsafe method carries the session's CSRF token and its JSON", async (t) => {
  const seen: string[] = [];
  const origin = await serve(t, (request, response) => {
    seen.push(
      `${request.method} ${request.headers["x-csrf-token"]} ${request.headers["content-type"]}`,
    );
    response.writeHead(204).end();
  });
  const answer = await requestJson("/x", { origin, method: "POST", body: {}, csrfToken: "c5" });
  assert.equal(answer, undefined);
  assert.deepEqual(seen, ["POST c5 application/json"]);
});

test("an address omits parameters without a value and encodes the others", () => {
  assert.equal(addressOf("/a", { x: null, y: undefined, z: "" }), "/a");
  assert.equal(addressOf("/a", { type: "Order & Co", limit: 10 }), "/a?type=Order+%26+Co&limit=10");
});

test("a session survives an outage of the server and ends with a 401", async () => {
  const answers: (() => unknown)[] = [];
  const store = createSessionStore(async () => answers.shift()?.());
  const fail = (status: number, code: string) => () => {
    throw Object.assign(new Error(code), { status });
  };
  answers.push(() => ({ service: "admin", csrf_token: "c" }));
  await store.check();
  assert.equal(store.read().kind, "signed-in");
  answers.push(fail(0, "unreachable"));
  await store.check();
  assert.equal(store.read().kind, "signed-in");
  store.expire();
  assert.equal(store.read().kind, "signed-out");
  answers.push(() => ({ service: "admin", csrf_token: "c" }));
  await store.check();
  answers.push(() => undefined);
  await store.check();
  assert.equal(store.read().kind, "signed-out", "an empty answer means no session");
});

test("equal parts of two answers are shared, changed ones are the new ones", () => {
  const older = { a: { n: 1 }, rows: [{ id: 1 }, { id: 2 }], gone: 1 };
  const newer = { a: { n: 1 }, rows: [{ id: 1 }, { id: 3 }] };
  const shared = shareStructure(older, newer);
  assert.deepEqual(shared, newer);
  assert.equal(shared.a, older.a);
  assert.equal(shared.rows[0], older.rows[0]);
  assert.notEqual(shared.rows, older.rows);
  assert.equal(shareStructure(older, structuredClone(older)), older);
  assert.deepEqual(shareStructure({ a: undefined }, { b: undefined }), { b: undefined });
});
