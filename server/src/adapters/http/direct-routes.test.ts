/**
 * The direct path and Fastify's must give the same answers: each case is sent to a route's own path
 * and to the same path with a harmless `?`, which only Fastify's router understands.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { gzipSync } from "node:zlib";
import { allowedOrigin as origin, serveRoutes, speak } from "../../../test/helpers/http-server.ts";
import { WeirError } from "../../core/errors.ts";
import type { Route } from "../../core/ports/route.ts";

const path = "/api/things/";
const limit = 2_000;

const route: Route = {
  method: "POST",
  path,
  view: "events.thing_ingest",
  access: "permission",
  summary: "Send bytes",
  keyInBody: (body) => (body.includes("key-in-body") ? "good" : undefined),
  body: { kind: "bytes", contentTypes: ["application/json"], description: "bytes", limit },
  responses: {},
  async handle({ body, headers, ip, query, params }) {
    const text = String(body);
    if (text === "broken") throw new Error("unknown");
    if (text === "line break") return { status: 202, headers: { "x-bad": "a\nb" }, body: {} };
    if (text === "nothing") return { status: 204 };
    if (text === "plain") return { status: 200, body: "plain" };
    if (text === "bytes") return { status: 200, body: Buffer.from("bytes") };
    if (headers["x-limited"] !== undefined) {
      const rate = { "ratelimit-policy": '"events";q=1;w=1', ratelimit: '"events";r=0;t=1' };
      throw new WeirError("rate_limited", { retryAfterSeconds: 3, headers: rate });
    }
    return { status: 202, headers: { ratelimit: "r" }, body: { text, ip, query, params } };
  },
};

/** Without what differs between two requests; header lines sorted by name. */
function comparable(answer: string): string[] {
  return answer
    .replaceAll(/^date: .*\r\n/gim, "")
    .replaceAll(/"request_id":"[^"]+"/g, '"request_id":""')
    .split("\r\n\r\n")
    .map((part) => part.split("\r\n").toSorted().join("\n"));
}

interface Case {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Buffer;
  readonly status: number;
}

const key = { "x-api-key": "good" };
const json = { "content-type": "application/json" };

const cases: Readonly<Record<string, Case>> = {
  accepted: { headers: { ...key, ...json }, body: "{}", status: 202 },
  "accepted with a key that is looked up": {
    headers: { "x-api-key": "slow", ...json },
    body: "{}",
    status: 202,
  },
  "a bearer": { headers: { authorization: "Bearer good", ...json }, body: "{}", status: 202 },
  "the key in the body": { headers: json, body: "key-in-body", status: 202 },
  "a session": {
    headers: { cookie: "weir_session=known", "x-csrf-token": "csrf", ...json },
    body: "{}",
    status: 202,
  },
  "a session without its token": {
    headers: { cookie: "weir_session=known", ...json },
    body: "{}",
    status: 403,
  },
  "no key": { headers: json, body: "{}", status: 401 },
  "a wrong key": { headers: { "x-api-key": "bad", ...json }, body: "{}", status: 401 },
  "no permission": { headers: { "x-api-key": "weak", ...json }, body: "{}", status: 403 },
  "a rate limit": { headers: { ...key, ...json, "x-limited": "1" }, body: "{}", status: 429 },
  "too large": { headers: { ...key, ...json }, body: "x".repeat(limit + 1), status: 413 },
  "an unsupported content type": {
    headers: { ...key, "content-type": "text/plain" },
    body: "{}",
    status: 415,
  },
  "another charset": {
    headers: { ...key, "content-type": "application/json; charset=latin1" },
    body: "{}",
    status: 415,
  },
  "a malformed content type": {
    headers: { ...key, "content-type": "json" },
    body: "{}",
    status: 415,
  },
  "no content type": { headers: key, body: "{}", status: 415 },
  "capitals and a charset": {
    headers: { ...key, "content-type": "Application/JSON; charset=utf-8" },
    body: "{}",
    status: 202,
  },
  gzip: {
    headers: { ...key, ...json, "content-encoding": "gzip" },
    body: gzipSync("{}"),
    status: 202,
  },
  "gzip that decodes to too much": {
    headers: { ...key, ...json, "content-encoding": "gzip" },
    body: gzipSync("x".repeat(limit + 1)),
    status: 413,
  },
  "broken gzip": {
    headers: { ...key, ...json, "content-encoding": "gzip" },
    body: "{}",
    status: 400,
  },
  "an unknown encoding": {
    headers: { ...key, ...json, "content-encoding": "lzma" },
    body: "{}",
    status: 415,
  },
  "an allowed origin": { headers: { ...key, ...json, origin }, body: "{}", status: 202 },
  "an allowed origin without a key": { headers: { ...json, origin }, body: "{}", status: 401 },
  "another origin": {
    headers: { ...key, ...json, origin: "https://x.example" },
    body: "{}",
    status: 202,
  },
  "a preflight": { method: "OPTIONS", headers: { origin }, body: "", status: 204 },
  "an empty body": { headers: { ...key, ...json }, body: "", status: 202 },
  "an unknown error": { headers: { ...key, ...json }, body: "broken", status: 500 },
  "no content": { headers: { ...key, ...json }, body: "nothing", status: 204 },
  "a text body": { headers: { ...key, ...json }, body: "plain", status: 200 },
  "a binary body": { headers: { ...key, ...json }, body: "bytes", status: 200 },
  GET: { method: "GET", headers: key, body: "", status: 405 },
  HEAD: { method: "HEAD", headers: key, body: "", status: 405 },
  QUERY: { method: "QUERY", headers: { ...key, ...json }, body: "{}", status: 405 },
  OPTIONS: { method: "OPTIONS", headers: key, body: "", status: 204 },
  "two hosts": { headers: { ...key, ...json, Host: "other" }, body: "{}", status: 400 },
  "expects 100-continue": {
    headers: { ...key, ...json, expect: "100-continue" },
    body: "{}",
    status: 100,
  },
};

function head(target: string, { method = "POST", headers = {} }: Case, last = true): string {
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  return `${method} ${target} HTTP/1.1\r\nhost: weir\r\n${last ? "connection: close\r\n" : ""}${lines.join("")}`;
}

function whole(target: string, one: Case, last = true): Buffer {
  const body = Buffer.from(one.body ?? "");
  return Buffer.concat([
    Buffer.from(`${head(target, one, last)}content-length: ${body.length}\r\n\r\n`),
    body,
  ]);
}

test("both paths give the same answer, header for header", async (t) => {
  const { port, seen } = await serveRoutes(t, { routes: [route] });
  for (const [name, one] of Object.entries(cases)) {
    const direct = await speak(port, whole(path, one));
    const observed = seen.splice(0);
    const framework = await speak(port, whole(`${path}?`, one));
    assert.match(direct, new RegExp(`^HTTP/1.1 ${one.status} `), name);
    assert.deepEqual(comparable(direct), comparable(framework), name);
    assert.deepEqual(observed, seen.splice(0), name);
  }
});

test("chunked, pipelined and kept-alive requests get the same answers in order", async (t) => {
  const { port } = await serveRoutes(t, { routes: [route] });
  const accepted: Case = { headers: { ...key, ...json }, status: 202 };
  const chunked = (target: string) =>
    `${head(target, accepted)}transfer-encoding: chunked\r\n\r\n1\r\n{\r\n1\r\n}\r\n0\r\n\r\n`;
  const pipelined = (target: string) =>
    Buffer.concat([
      whole(target, { ...accepted, body: '{"n":1}' }, false),
      whole(target, { ...accepted, headers: json, body: '{"n":2}' }, false),
      whole(target, { ...accepted, body: '{"n":3}' }),
    ]);
  for (const say of [chunked, pipelined]) {
    const direct = await speak(port, say(path));
    assert.deepEqual(comparable(direct), comparable(await speak(port, say(`${path}?`))));
    assert.match(direct, say === chunked ? /"text":"\{\}"/ : /n\\":1.* 401 .*n\\":3/s);
  }
});

test("a truncated body is reported to the observer on both paths", async (t) => {
  const { port, seen } = await serveRoutes(t, { routes: [route] });
  const cut = (target: string) =>
    `${head(target, { headers: { ...key, ...json }, status: 400 })}content-length: 9\r\n\r\n{`;
  const direct = await speak(port, cut(path), true);
  assert.deepEqual(comparable(direct), comparable(await speak(port, cut(`${path}?`), true)));
  assert.deepEqual(seen, [
    { status: 400, code: "malformed_request" },
    { status: 400, code: "malformed_request" },
  ]);
});

test("an answer that cannot be written is a 500 and does not hang", async (t) => {
  const { port } = await serveRoutes(t, { routes: [route] });
  const one: Case = { headers: { ...key, ...json }, body: "line break", status: 500 };
  const answer = await speak(port, whole(path, one));
  assert.match(answer, /^HTTP\/1.1 500 Internal Server Error\r\n.*"code":"internal"/s);
});
