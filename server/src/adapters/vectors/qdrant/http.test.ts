import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { type TestContext, test } from "node:test";
import { BreakerOpenError, type Guard } from "../../../core/ports/guard.ts";
import type { VectorStoreError } from "../../../core/ports/vector-store.ts";
import { isRefusedAs } from "../conformance/setup.ts";
import { createQdrantStore, type QdrantOptions } from "./store.ts";

const key = "a-secret-key";

/** A server that answers as `answer` does, and the driver for it. */
async function serve(
  t: TestContext,
  answer: RequestListener,
  options: Partial<QdrantOptions> = {},
) {
  const server = createServer(answer).listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const store = createQdrantStore({ url: `http://127.0.0.1:${port}`, apiKey: key, ...options });
  t.after(async () => {
    await store.close();
    server.closeAllConnections();
    server.close();
  });
  return { store, server };
}

const json = (status: number, body: unknown): RequestListener => {
  return (_, response) => {
    response.writeHead(status, { "content-type": "application/json" });
    response.end(JSON.stringify(body));
  };
};

test("each kind of failure has its code, and none tells the key", async (t) => {
  const failed = (error: string) => ({ status: { error }, time: 0 });
  const cases = [
    [400, failed("Wrong input: nonsense"), "invalid", false],
    [422, failed(`Validation error near ${key}`), "invalid", false],
    [404, failed("Not found: Collection `c` doesn't exist!"), "not_found", false],
    [401, failed(`Invalid API key ${key}`), "unavailable", true],
    [403, failed("Forbidden"), "unavailable", true],
    [429, failed("too many"), "unavailable", true],
    [500, failed(`Service internal error ${key}`), "unavailable", true],
    [503, "away", "unavailable", true],
    [504, "late", "timeout", true],
    [200, "a page of another server", "unavailable", true],
  ] as const;
  for (const [status, body, code, retryable] of cases) {
    const { store } = await serve(t, (request, response) => {
      if (typeof body !== "string") return json(status, body)(request, response);
      response.writeHead(status).end(body);
    });
    await assert.rejects(store.count("c"), (error) => {
      isRefusedAs(code)(error);
      assert.equal((error as VectorStoreError).retryable, retryable);
      assert.doesNotMatch(`${error} ${JSON.stringify(error)}`, new RegExp(key));
      return true;
    });
  }
});

test("a server that never answers is a timeout, one that is not there unavailable", async (t) => {
  const { store, server } = await serve(t, () => {}, { timeoutMs: 80 });
  await assert.rejects(store.count("c"), isRefusedAs("timeout", /80 ms/));
  await assert.rejects(
    store.count("c", undefined, { timeoutMs: 30 }),
    isRefusedAs("timeout", /30/),
  );
  const cancel = new AbortController();
  const waiting = store.count("c", undefined, { signal: cancel.signal, timeoutMs: 60_000 });
  cancel.abort();
  await assert.rejects(waiting, isRefusedAs("timeout", /cancelled/));
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
  await assert.rejects(store.count("c"), isRefusedAs("unavailable", /ECONNREFUSED/));
});

test("one connection is kept for calls after each other, and answers come uncompressed", async (t) => {
  const seen: { port: number | undefined; headers: Record<string, unknown> }[] = [];
  const { store } = await serve(t, (request, response) => {
    seen.push({ port: request.socket.remotePort, headers: request.headers });
    json(200, { result: { count: 7 }, status: "ok" })(request, response);
  });
  for (let call = 0; call < 5; call++) assert.equal(await store.count("c"), 7);
  assert.equal(new Set(seen.map((each) => each.port)).size, 1);
  assert.equal(seen[0]?.headers["accept-encoding"], "identity");
  assert.equal(seen[0]?.headers["api-key"], key);
});

test("a kept connection that the server has closed is replaced without a failure", async (t) => {
  let calls = 0;
  const { store } = await serve(t, (request, response) => {
    calls++;
    // the second request on a connection finds it closed, as after an idle time-out
    if (calls === 2) return void request.socket.resetAndDestroy();
    json(200, { result: { count: calls }, status: "ok" })(request, response);
  });
  assert.equal(await store.count("c"), 1);
  assert.equal(await store.count("c"), 3);
});

test("an upsert is split by bytes and by points, in order", async (t) => {
  const bodies: { points: { id: string }[] }[] = [];
  const { store } = await serve(
    t,
    (request, response) => {
      const chunks: Buffer[] = [];
      request.on("data", (chunk: Buffer) => chunks.push(chunk));
      request.on("end", () => {
        bodies.push(JSON.parse(Buffer.concat(chunks).toString()) as (typeof bodies)[number]);
        assert.match(request.url ?? "", /wait=true/);
        json(200, { result: {}, status: "ok" })(request, response);
      });
    },
    { batchPoints: 3, batchBytes: 2_000 },
  );
  const points = Array.from({ length: 8 }, (_, n) => ({
    id: `00000000-0000-4000-8000-00000000000${n}`,
    vector: Float32Array.of(1, 0),
    // one that is larger than a batch may be goes alone
    payload: { text: "x".repeat(n === 4 ? 3_000 : 10) },
  }));
  await store.upsert("c", points);
  assert.deepEqual(
    bodies.map((body) => body.points.length),
    [3, 1, 1, 3],
  );
  assert.deepEqual(
    bodies.flatMap((body) => body.points.map((point) => point.id)),
    points.map((point) => point.id),
  );
});

test("every call goes through the guard, whose refusal is an error of the store", async (t) => {
  let guarded = 0;
  const guard: Guard = {
    name: "qdrant",
    state: "CLOSED",
    retryAfterMs: 0,
    execute: (work, signal) => {
      guarded++;
      if (guarded === 2) return Promise.reject(new BreakerOpenError("qdrant", 5_000));
      return work(signal ?? new AbortController().signal);
    },
  };
  const answer = json(200, { result: { count: 1 }, status: "ok" });
  const { store } = await serve(t, answer, { guard });
  assert.equal(await store.count("c"), 1);
  await assert.rejects(store.count("c"), isRefusedAs("unavailable", /breaker is open/));
  assert.equal(guarded, 2);
});

test("a URL that is none of HTTP is refused at once", () => {
  assert.throws(() => createQdrantStore({ url: "ftp://127.0.0.1" }), isRefusedAs("invalid"));
});
