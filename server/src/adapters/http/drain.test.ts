import assert from "node:assert/strict";
import { connect, type Socket } from "node:net";
import { type TestContext, test } from "node:test";
import { until } from "../../../../testing/until.ts";
import { readAnswer, serveRoutes } from "../../../test/helpers/http-server.ts";
import type { Route } from "../../core/ports/route.ts";

const request = "GET /slow HTTP/1.1\r\nhost: weir\r\nx-api-key: good\r\n\r\n";

/** A route that answers when the test lets it. */
async function serveSlowly(t: TestContext) {
  const waiting: (() => void)[] = [];
  const route: Route = {
    method: "GET",
    path: "/slow",
    view: "test.slow",
    access: "permission",
    summary: "Slow.",
    responses: { 200: { description: "Done." } },
    handle: async () => {
      await new Promise<void>((resolve) => waiting.push(resolve));
      return { status: 200, body: "done" };
    },
  };
  const server = await serveRoutes(t, { routes: [route] });
  return { ...server, waiting };
}

function open(t: TestContext, port: number) {
  const socket: Socket = connect(port, "127.0.0.1");
  let text = "";
  let closed = false;
  socket.on("data", (chunk) => {
    text += chunk.toString("latin1");
  });
  socket.on("close", () => {
    closed = true;
  });
  socket.on("error", () => {});
  t.after(() => socket.destroy());
  return {
    send: (bytes: string) => socket.write(bytes),
    connected: () => until(() => !socket.connecting, { what: "the connection" }),
    text: () => text,
    isClosed: () => closed,
  };
}

test("while it drains, a server answers, and each answer is the last of its connection", async (t) => {
  const { http, port, waiting } = await serveSlowly(t);
  const old = open(t, port);
  old.send(request);
  await until(() => waiting.length === 1, { what: "the first request" });
  const draining = http.stopAccepting(300);
  const fresh = open(t, port);
  fresh.send(request);
  await until(() => waiting.length === 2, { what: "a request of a new connection" });
  for (const finish of waiting) finish();
  await until(() => fresh.isClosed(), { what: "the end of the new connection" });
  assert.equal(readAnswer(fresh.text()).status, 200);
  assert.equal(readAnswer(fresh.text()).headers["connection"], "close");
  assert.equal(readAnswer(old.text()).status, 200);
  await draining;
  const late = open(t, port);
  await until(() => late.isClosed(), { what: "the refusal of a later connection" });
  assert.equal(late.text(), "");
});

test("a request that comes on a connection from before the end is answered, not refused", async (t) => {
  const { http, port, waiting } = await serveSlowly(t);
  const early = open(t, port);
  await early.connected();
  await until(async () => (await connectionsOf(http.server)) === 1, { what: "it to be accepted" });
  await http.stopAccepting(0);
  const settled = http.settle();
  early.send(request);
  await until(() => waiting.length === 1, { what: "the request" });
  waiting[0]?.();
  await settled;
  await until(() => early.isClosed(), { what: "the answer" });
  assert.equal(readAnswer(early.text()).status, 200);
});

test("a request that never ends does not hold the end up", async (t) => {
  const { http, port, waiting } = await serveSlowly(t);
  open(t, port).send(request);
  await until(() => waiting.length === 1, { what: "the request" });
  await http.stopAccepting(0);
  const began = performance.now();
  await http.settle();
  assert.ok(performance.now() - began < 5_000);
  waiting[0]?.();
});

function connectionsOf(server: {
  getConnections(done: (e: Error | null, n: number) => void): void;
}) {
  return new Promise<number>((resolve) => server.getConnections((_error, count) => resolve(count)));
}
