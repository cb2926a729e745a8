/** What is compressed is read to its last byte, or refused. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { brotliCompressSync, deflateSync, gzipSync, zstdCompressSync } from "node:zlib";
import { readAnswer, serveRoutes, speak } from "../../../test/helpers/http-server.ts";
import type { Route } from "../../core/ports/route.ts";

const limit = 200_000;

const echo: Route = {
  method: "POST",
  path: "/api/things/",
  view: "events.thing_ingest",
  access: "permission",
  summary: "Send bytes",
  body: { kind: "bytes", contentTypes: ["application/json"], description: "bytes", limit },
  responses: {},
  handle: async ({ body }) => ({ status: 202, body: (body as Buffer).toString("latin1") }),
};

const codings = {
  gzip: gzipSync,
  deflate: deflateSync,
  br: brotliCompressSync,
  zstd: zstdCompressSync,
} as const;

function post(encoding: string, body: Buffer): Buffer {
  const head = `POST /api/things/ HTTP/1.1\r\nhost: weir\r\nconnection: close\r\nx-api-key: good\r\ncontent-type: application/json\r\ncontent-encoding: ${encoding}\r\ncontent-length: ${body.length}\r\n\r\n`;
  return Buffer.concat([Buffer.from(head), body]);
}

/** `length` bytes of which no part repeats, so that they stay long when compressed. */
function noise(length: number): Buffer {
  let state = 1;
  return Buffer.from(
    Array.from({ length }, () => {
      state = (state * 1_103_515_245 + 12_345) % 2_147_483_648;
      return 32 + ((state >> 16) % 95);
    }),
  );
}

const skippable = Buffer.from([0x50, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 1, 2, 3]);
const one = Buffer.from("one ");
const two = Buffer.from("two");

for (const [name, compress] of Object.entries(codings)) {
  test(`${name}: one stream, whole, cut anywhere, and with bytes behind it`, async (t) => {
    const { port } = await serveRoutes(t, { routes: [echo] });
    const send = async (body: Buffer) => readAnswer(await speak(port, post(name, body)));
    const text = noise(3_000);
    const whole = compress(text);
    assert.deepEqual(
      [(await send(whole)).status, (await send(whole)).body],
      [202, text.toString("latin1")],
    );
    for (const kept of [0, 1, 2, 5, whole.length >> 1, whole.length - 4, whole.length - 1]) {
      assert.equal((await send(whole.subarray(0, kept))).status, 400, `cut to ${kept} bytes`);
    }
    for (const rest of ["x", "\0", "\0\0\0\0\0\0\0\0", "garbage that continues", "\u001f\u008b"]) {
      const answer = await send(Buffer.concat([whole, Buffer.from(rest, "latin1")]));
      assert.equal(answer.status, 400, JSON.stringify(rest));
      assert.equal(JSON.parse(answer.body).code, "malformed_request");
    }
    assert.equal((await send(compress(Buffer.alloc(limit + 1, "x")))).status, 413);
    assert.equal((await send(compress(Buffer.alloc(limit, "x")))).status, 202);
    assert.equal((await send(compress(Buffer.alloc(0)))).status, 202);
  });
}

test("gzip members and zstd frames one after the other are all read; other streams are refused", async (t) => {
  const { port } = await serveRoutes(t, { routes: [echo] });
  const send = async (encoding: string, ...parts: Buffer[]) =>
    readAnswer(await speak(port, post(encoding, Buffer.concat(parts))));
  for (const [name, compress] of [
    ["gzip", gzipSync],
    ["zstd", zstdCompressSync],
  ] as const) {
    const { status, body } = await send(
      name,
      compress(one),
      compress(Buffer.alloc(0)),
      compress(two),
    );
    assert.deepEqual([status, body], [202, "one two"], name);
    const big = compress(Buffer.alloc(limit - 2, "x"));
    assert.equal(
      (await send(name, big, compress(two))).status,
      413,
      `${name}: the limit is of the sum`,
    );
    const cut = compress(two).subarray(0, -1);
    assert.equal(
      (await send(name, compress(one), cut)).status,
      400,
      `${name}: a cut second stream`,
    );
  }
  for (const [name, compress] of [
    ["br", brotliCompressSync],
    ["deflate", deflateSync],
  ] as const) {
    assert.equal((await send(name, compress(one), compress(two))).status, 400, name);
  }
  const frames = await send(
    "zstd",
    skippable,
    zstdCompressSync(one),
    skippable,
    zstdCompressSync(two),
  );
  assert.deepEqual([frames.status, frames.body], [202, "one two"], "skippable frames");
  // a chunk of the output that ends exactly at the end of a frame
  const full = zstdCompressSync(Buffer.alloc(65_536, "y"));
  const aligned = await send("zstd", full, zstdCompressSync(two));
  assert.deepEqual([aligned.status, aligned.body.length], [202, 65_539]);
});

test("the number of zstd frames is limited", async (t) => {
  const { port } = await serveRoutes(t, { routes: [echo] });
  const empty = zstdCompressSync(Buffer.alloc(0));
  const send = async (frames: number) =>
    readAnswer(
      await speak(port, post("zstd", Buffer.concat(Array.from({ length: frames }, () => empty)))),
    );
  assert.equal((await send(2_000)).status, 202);
  const answer = await send(2_001);
  assert.equal(answer.status, 400);
  assert.match(JSON.parse(answer.body).detail, /more than 2000 zstd frames/);
});

test("a zstd window beyond 8 MiB is refused", async (t) => {
  const { port } = await serveRoutes(t, { routes: [echo] });
  // magic, no checksum and no content size, a window of 2^27 bytes, one raw block of one byte, the last
  const wide = Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0x00, 0x88, 0x09, 0x00, 0x00, 0x61]);
  assert.equal(readAnswer(await speak(port, post("zstd", wide))).status, 400);
  const narrow = Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0x00, 0x58, 0x09, 0x00, 0x00, 0x61]);
  const answer = readAnswer(await speak(port, post("zstd", narrow)));
  assert.deepEqual([answer.status, answer.body], [202, "a"]);
});

test("unknown and stacked codings are a 415 that lists the supported ones; identity is none", async (t) => {
  const { port } = await serveRoutes(t, { routes: [echo] });
  const gzipped = gzipSync(two);
  for (const encoding of [
    "lzma",
    "compress",
    "gzip, br",
    "gzip,gzip",
    "gzip, ",
    "__proto__",
    "*",
  ]) {
    const isGzip = encoding === "gzip, ";
    const answer = readAnswer(await speak(port, post(encoding, gzipped)));
    assert.equal(answer.status, isGzip ? 202 : 415, encoding);
    if (!isGzip) assert.equal(answer.headers["accept-encoding"], "gzip, br, zstd, deflate");
  }
  for (const encoding of ["identity", "", "IDENTITY, identity"]) {
    assert.equal(readAnswer(await speak(port, post(encoding, two))).body, "two", encoding);
  }
  for (const encoding of ["GZip", "x-gzip", "identity, gzip"]) {
    assert.equal(readAnswer(await speak(port, post(encoding, gzipped))).body, "two", encoding);
  }
});
