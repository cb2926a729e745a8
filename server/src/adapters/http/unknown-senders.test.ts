/** Bodies of senders without a valid key take little memory, however many send them. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { gzipSync } from "node:zlib";
import fc from "fast-check";
import { until } from "../../../../testing/until.ts";
import { serveRoutes } from "../../../test/helpers/http-server.ts";
import { exchange, RawConnection } from "../../../test/helpers/raw-http.ts";
import { segmentWriteKey } from "../../core/event/segment.ts";
import type { Route } from "../../core/ports/route.ts";
import { BodyChunks } from "./body-chunks.ts";

const kib = 1024;
const common = { access: "permission", summary: "A route", responses: {} } as const;
const handle: Route["handle"] = async ({ body, principal }) => ({
  status: 200,
  body: { bytes: (body as Buffer).length ?? 0, service: principal.service },
});
const segment: Route = {
  ...common,
  method: "POST",
  path: "/v1/batch",
  view: "events.segment_ingest",
  keyInBody: segmentWriteKey,
  body: { kind: "bytes", contentTypes: ["application/json"], description: "" },
  handle,
};
const signIn: Route = {
  ...common,
  access: "public",
  method: "POST",
  path: "/api/session",
  view: "auth.session_create",
  body: { kind: "bytes", contentTypes: ["application/json"], description: "" },
  handle,
};
const routes = [segment, signIn];

function request(
  path: string,
  body: Buffer,
  { more = "", declared = body.length }: { more?: string; declared?: number } = {},
): Buffer {
  const head = `POST ${path} HTTP/1.1\r\nhost: weir\r\nconnection: close\r\ncontent-type: application/json\r\n${more}content-length: ${declared}\r\n\r\n`;
  return Buffer.concat([Buffer.from(head), body]);
}

/** A Segment batch of about `bytes`, with its key first, last, both or nowhere. */
function batch(bytes: number, keys: { first?: string; last?: string } = {}): Buffer {
  const member = (key: string | undefined) =>
    key === undefined ? "" : `"writeKey":${JSON.stringify(key)}`;
  const filling = `"batch":[${JSON.stringify("x".repeat(bytes))}]`;
  const members = [member(keys.first), filling, member(keys.last)].filter((one) => one !== "");
  return Buffer.from(`{${members.join(",")}}`);
}

test("a batch with its key in the body: as long as Segment's clients send, and longer with the key first", async (t) => {
  const { port } = await serveRoutes(t, { routes });
  const cases: readonly (readonly [name: string, body: Buffer, status: number])[] = [
    ["short, key last", batch(100, { last: "good" }), 200],
    ["500 KB, key last", batch(500_000, { last: "good" }), 200],
    ["500 KB, key looked up", batch(500_000, { last: "slow" }), 200],
    ["500 KB, wrong key", batch(500_000, { last: "bad" }), 401],
    ["500 KB, no key", batch(500_000), 401],
    ["500 KB, no permission", batch(500_000, { last: "weak" }), 403],
    ["600 KB, key last", batch(600_000, { last: "good" }), 413],
    ["5 MB, key first", batch(5_000_000, { first: "good" }), 200],
    ["5 MB, key first, looked up", batch(5_000_000, { first: "slow" }), 200],
    ["5 MB, wrong key first", batch(5_000_000, { first: "bad", last: "good" }), 413],
    ["5 MB, key first without permission", batch(5_000_000, { first: "weak" }), 413],
    ["5 MB, the last key counts", batch(5_000_000, { first: "good", last: "bad" }), 401],
    ["11 MB, key first", batch(11_000_000, { first: "good" }), 413],
  ];
  for (const [name, body, status] of cases) {
    const [answer] = await exchange(t, port, { bytes: request("/v1/batch", body) });
    assert.equal(answer?.status, status, `${name}: ${answer?.body}`);
    if (status === 200) assert.equal(JSON.parse(answer?.body ?? "").bytes, body.length, name);
  }
  const zipped = gzipSync(batch(500_000, { last: "good" }));
  const gzip = { more: "content-encoding: gzip\r\n" };
  const [small] = await exchange(t, port, { bytes: request("/v1/batch", zipped, gzip) });
  assert.equal(small?.status, 200);
  const bomb = gzipSync(batch(5_000_000, { first: "good" }));
  const [large] = await exchange(t, port, { bytes: request("/v1/batch", bomb, gzip) });
  assert.equal(large?.status, 413);
});

test("other routes take 64 KiB from a sender that is not known", async (t) => {
  const { port } = await serveRoutes(t, { routes });
  const send = async (bytes: number) => {
    const body = Buffer.alloc(bytes, " ");
    return (await exchange(t, port, { bytes: request("/api/session", body) }))[0]?.status;
  };
  assert.equal(await send(64 * kib), 200);
  assert.equal(await send(64 * kib + 1), 413);
});

test("together they take no more than the budget: the oldest body gives way with a 503", async (t) => {
  const { port } = await serveRoutes(t, {
    routes,
    limits: { unknownBodyBytes: 1024 * kib },
  });
  const part = batch(300 * kib).subarray(0, 300 * kib);
  const slow = Array.from({ length: 6 }, () => new RawConnection(t, port));
  for (const connection of slow) {
    connection.write(request("/v1/batch", part, { declared: 500 * kib }));
  }
  // three of them fit
  await until(() => slow.filter(({ statuses }) => statuses[0] === 503).length >= 3, {
    what: "three bodies to give way",
  });
  // a sender that does not stall gets through
  const whole = request("/v1/batch", batch(450 * kib, { last: "good" }));
  for (let n = 0; n < 5; n++) {
    assert.equal((await exchange(t, port, { bytes: whole }))[0]?.status, 200);
  }
  const refused = slow.flatMap(({ answers }) => answers);
  assert.ok(
    refused.every(({ status, headers }) => status === 503 && headers["retry-after"] === "1"),
  );
});

test("a body in chunks of one byte arrives whole", async (t) => {
  const { port } = await serveRoutes(t, { routes });
  const body = batch(20 * kib, { last: "good" });
  const chunks = Array.from(body, (byte) => Buffer.from([0x31, 0x0d, 0x0a, byte, 0x0d, 0x0a]));
  const head =
    "POST /v1/batch HTTP/1.1\r\nhost: weir\r\nconnection: close\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n";
  const bytes = Buffer.concat([Buffer.from(head), ...chunks, Buffer.from("0\r\n\r\n")]);
  const [answer] = await exchange(t, port, { bytes });
  assert.equal(answer?.status, 200);
  assert.equal(JSON.parse(answer.body).bytes, body.length);
});

test("chunks of any sizes are put together in their order, the small ones in few Buffers", () => {
  const sizes = fc.oneof(fc.integer({ min: 1, max: 50 }), fc.integer({ min: 1, max: 9_000 }));
  fc.assert(
    fc.property(fc.array(sizes, { maxLength: 200 }), (lengths) => {
      const chunks = new BodyChunks();
      const parts = lengths.map((length, n) => Buffer.alloc(length, n % 251));
      for (const part of parts) chunks.add(part);
      assert.equal(chunks.size, Buffer.concat(parts).length);
      assert.ok(chunks.whole().equals(Buffer.concat(parts)));
      assert.ok(chunks.whole().equals(Buffer.concat(parts)), "asked twice");
    }),
  );
  const chunks = new BodyChunks();
  const held = process.memoryUsage().arrayBuffers;
  for (let n = 0; n < 300_000; n++) chunks.add(Buffer.from([n & 255]));
  assert.ok(process.memoryUsage().arrayBuffers - held < 50_000_000);
  assert.equal(chunks.whole().length, 300_000);
});
