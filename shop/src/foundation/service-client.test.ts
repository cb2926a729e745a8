import assert from "node:assert/strict";
import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { test } from "node:test";
import type { CleanUp } from "../../../testing/database.ts";
import {
  createServiceClient,
  ServiceRefusedError,
  ServiceUnavailableError,
} from "./service-client.ts";

async function serve(t: CleanUp, listener: RequestListener): Promise<string> {
  const server = createServer(listener).listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

test("only what may be sent twice is tried once more, and the failure names the service", async (t) => {
  const requests: string[] = [];
  const url = await serve(t, (request, response) => {
    requests.push(`${request.method}`);
    response.writeHead(503).end();
  });
  const client = createServiceClient({ service: "products", url, timeoutMs: 60_000 });
  await assert.rejects(client.request({ method: "GET", path: "/" }), (error: unknown) => {
    assert.ok(error instanceof ServiceUnavailableError);
    assert.equal(error.message, "The service products is down: it answered 503");
    return true;
  });
  await assert.rejects(client.request({ method: "POST", path: "/" }), ServiceUnavailableError);
  await assert.rejects(
    client.request({ method: "POST", path: "/", idempotent: true }),
    ServiceUnavailableError,
  );
  assert.deepEqual(requests, ["GET", "GET", "POST", "POST", "POST"]);
});

test("a refusal is not repeated and keeps the code of its problem", async (t) => {
  let requests = 0;
  const url = await serve(t, (request, response) => {
    requests += 1;
    assert.equal(request.headers.authorization, "Bearer token-of-orders-0001");
    assert.equal(request.headers["x-request-id"], "a-1");
    response.writeHead(409).end('{"code":"out_of_stock","detail":"1 left"}');
  });
  const client = createServiceClient({
    service: "products",
    url,
    token: "token-of-orders-0001",
    timeoutMs: 60_000,
  });
  const refused = client.request({
    method: "POST",
    path: "/reservations",
    body: {},
    idempotent: true,
    requestId: "a-1",
  });
  await assert.rejects(refused, (error: unknown) => {
    assert.ok(error instanceof ServiceRefusedError);
    assert.deepEqual([error.status, error.code], [409, "out_of_stock"]);
    return true;
  });
  assert.equal(requests, 1);
});

test("a service that does not answer, or is not there, is down", async (t) => {
  const url = await serve(t, () => {});
  const silent = createServiceClient({ service: "orders", url, timeoutMs: 30 });
  await assert.rejects(
    silent.request({ method: "GET", path: "/" }),
    /The service orders is down: no answer within 30 ms/,
  );
  const absent = createServiceClient({ service: "orders", url: "http://127.0.0.1:1" });
  await assert.rejects(absent.request({ method: "GET", path: "/" }), ServiceUnavailableError);
  const stop = new AbortController();
  const stopped = createServiceClient({ service: "orders", url }).request({
    method: "GET",
    path: "/",
    signal: stop.signal,
  });
  stop.abort(new Error("the caller left"));
  await assert.rejects(stopped, /the caller left/);
});
