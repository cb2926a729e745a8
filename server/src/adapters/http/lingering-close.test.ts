/** A client that is still sending when it is answered gets the answer, and cannot hold the connection. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { request } from "node:http";
import { connect, createServer, type Socket } from "node:net";
import { type TestContext, test } from "node:test";
import { until } from "../../../../testing/until.ts";
import { serveRoutes, type testLimits } from "../../../test/helpers/http-server.ts";
import { RawConnection } from "../../../test/helpers/raw-http.ts";
import type { Route } from "../../core/ports/route.ts";
import { closeLingering } from "./lingering-close.ts";

const route: Route = {
  ...{ access: "permission", summary: "A route", responses: {} },
  ...{ method: "POST", path: "/api/things/", view: "events.thing_ingest" },
  body: { kind: "bytes", contentTypes: ["application/json"], description: "", limit: 2_000 },
  handle: async ({ body }) => ({ status: 202, body: String(body) }),
};
const head = (more: string, key = "good") =>
  `POST /api/things/ HTTP/1.1\r\nhost: weir\r\nx-api-key: ${key}\r\ncontent-type: application/json\r\n${more}\r\n`;
const closing = "connection: close\r\n";
const long = "content-length: 1000000\r\n";

/** What a client sends, up to the byte at which it is answered and after it. */
const cases: Readonly<Record<string, readonly [start: string, status: number]>> = {
  "a refused key": [head(closing + long, "bad"), 401],
  "a body that is too large": [head(closing + long), 413],
  "two Host headers": [head(`host: other\r\n${long}`), 400],
  "an expectation that is not supported": [head(`expect: tea\r\n${long}`), 417],
  "garbage before any request": ["garbage\r\n\r\n", 400],
  "a broken chunk": [`${head("transfer-encoding: chunked\r\n")}zz\r\n`, 400],
  "another version": ["GET / HTTP/3.0\r\nhost: weir\r\n\r\n", 505],
  CONNECT: ["CONNECT weir:443 HTTP/1.1\r\nhost: weir\r\n\r\n", 501],
  "more after the last request": [`${head(`${closing}content-length: 2\r\n`)}{}`, 202],
};

async function serve(t: TestContext, limits: Partial<typeof testLimits> = {}) {
  const server = await serveRoutes(t, { routes: [route], limits });
  const open = new Set<Socket>();
  server.http.server.prependListener("connection", (socket: Socket) => {
    open.add(socket);
    socket.once("close", () => open.delete(socket));
  });
  /** Resolves when the server has written its answer on the only connection, and closed its side. */
  const answered = () =>
    until(() => open.size === 0 || [...open].every((socket) => socket.writableFinished), {
      what: "the server to answer",
      everyMs: 1,
    });
  return { ...server, open, answered };
}

for (const [name, [start, status]] of Object.entries(cases)) {
  test(`${name}: what is sent after the answer does not destroy it`, async (t) => {
    const { port, answered } = await serve(t);
    const connection = new RawConnection(t, port);
    // reads the answer only when it has sent everything
    connection.socket.pause();
    connection.write(start);
    await once(connection.socket, "ready");
    await until(() => connection.socket.bytesWritten === start.length, { what: "the start" });
    await answered();
    await connection.writeParts(Array.from({ length: 50 }, () => Buffer.alloc(1_000, "x")));
    assert.equal(connection.socket.destroyed, false);
    connection.socket.resume();
    const answers = await connection.closed();
    assert.deepEqual(
      answers.map((answer) => answer.status),
      [status],
    );
  });
}

test("Node's own client gets the answer while it sends slowly", async (t) => {
  const { port } = await serve(t);
  const sending = request({
    ...{ port, method: "POST", path: "/api/things/" },
    headers: { "content-type": "application/json", connection: "close", "x-api-key": "bad" },
  });
  const answer = once(sending, "response");
  let isAnswered = false;
  void answer.then(() => {
    isAnswered = true;
  });
  while (!isAnswered) {
    const sent = new Promise((resolve) => sending.write("x".repeat(1_000), resolve));
    await Promise.race([sent, answer]);
    await new Promise((resolve) => setImmediate(resolve));
  }
  const [response] = await answer;
  assert.equal(response.statusCode, 401);
  response.resume();
  await once(response, "end");
});

test("the connection closes as soon as the client closes its side", async (t) => {
  const { port, open } = await serve(t);
  const connection = new RawConnection(t, port);
  connection.write(head(closing + long, "bad"));
  await connection.closed();
  await until(() => open.size === 0, { what: "the server's end", timeoutMs: 2_000 });
});

/** Both ends of a connection. The server's end has no parser. */
async function pair(t: TestContext): Promise<{ readonly client: Socket; readonly socket: Socket }> {
  const server = createServer({ allowHalfOpen: true });
  t.after(() => void server.close());
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as import("node:net").AddressInfo;
  const accepted = once(server, "connection");
  const client = connect({ port, host: "127.0.0.1", allowHalfOpen: true });
  client.on("error", () => undefined);
  client.resume();
  t.after(() => void client.destroy());
  const [socket] = (await accepted) as [Socket];
  socket.on("error", () => undefined);
  t.after(() => void socket.destroy());
  return { client, socket };
}

test("a client that stays silent is cut after 5 s, one that sends little by little after 30 s", async (t) => {
  const { client, socket } = await pair(t);
  const lingering = closeLingering(socket, { last: "answer", nowMs: 1_000 });
  await once(socket, "finish");
  lingering.check(6_000);
  let sent = 0;
  for (let nowMs = 6_000; nowMs <= 31_000; nowMs += 5_000) {
    client.write("x");
    sent += 1;
    await until(() => socket.bytesRead === sent, { what: "the byte" });
    lingering.check(nowMs);
    assert.equal(socket.destroyed, false, `at ${nowMs}`);
  }
  lingering.check(31_001);
  assert.equal(socket.destroyed, true);

  const silent = await pair(t);
  const other = closeLingering(silent.socket, { nowMs: 1_000 });
  await once(silent.socket, "finish");
  other.check(6_000);
  assert.equal(silent.socket.destroyed, false);
  other.check(6_001);
  assert.equal(silent.socket.destroyed, true);
});

test("a client that sends more than 16 MiB is cut", async (t) => {
  const { client, socket } = await pair(t);
  const lingering = closeLingering(socket, { nowMs: 0 });
  const most = 16 * 1024 * 1024;
  client.write(Buffer.alloc(most));
  await until(() => socket.bytesRead === most && socket.writableFinished, { what: "16 MiB" });
  lingering.check(1);
  assert.equal(socket.destroyed, false);
  client.write("x");
  await until(() => socket.bytesRead > most, { what: "one more" });
  lingering.check(2);
  assert.equal(socket.destroyed, true);
});
