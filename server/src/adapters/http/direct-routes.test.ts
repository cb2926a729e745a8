/**
 * The direct path and Fastify's must answer alike: each case is sent to a route's own address and to
 * the same address with a harmless `?`, which only Fastify's router understands.
 */
import assert from "node:assert/strict";
import { connect } from "node:net";
import { type TestContext, test } from "node:test";
import { gzipSync } from "node:zlib";
import type { Principal } from "../../core/access/principal.ts";
import { WeirError } from "../../core/errors.ts";
import type { Route } from "../../core/ports/route.ts";
import { createHttpServer, type HttpServer } from "./server.ts";

const path = "/api/things/";
const origin = "https://shop.example";
const limit = 2_000;

function principal(may: boolean): Principal {
  return { serviceId: 1, service: "shop", role: "r", keyId: "k", via: "key", may: () => may };
}

const route: Route = {
  method: "POST",
  path,
  view: "events.thing_ingest",
  access: "permission",
  summary: "Take bytes",
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

interface Seen {
  readonly status: number;
  readonly code: string | undefined;
}

interface Server {
  readonly http: HttpServer;
  readonly port: number;
  /** What the observer was told, in order. */
  readonly seen: Seen[];
}

async function serve(t: TestContext, requestTimeoutMs = 5_000): Promise<Server> {
  const seen: Seen[] = [];
  const http = await createHttpServer({
    routes: [route],
    authenticator: {
      authenticate(key) {
        if (key === "good") return principal(true);
        if (key === "slow") return Promise.resolve(principal(true));
        if (key === "weak") return principal(false);
        throw new WeirError("unauthenticated");
      },
      session: async (token) =>
        token === "known" ? { principal: principal(true), csrfToken: "csrf" } : undefined,
    },
    observer: {
      route:
        () =>
        ({ status, error }) =>
          void seen.push({ status, code: error?.code }),
    },
    version: "0.0.0",
    dashboardFolder: "/nowhere",
    corsOrigins: [origin],
    trustedProxies: [],
    requestTimeoutMs,
  });
  t.after(() => http.close());
  const { port } = await http.listen("127.0.0.1", 0);
  return { http, port, seen };
}

/** Sends bytes as they are and reads until the server closes. */
function speak(port: number, bytes: string | Buffer, end = false): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, "127.0.0.1");
    const chunks: Buffer[] = [];
    socket.on("data", (chunk) => chunks.push(chunk));
    socket.on("error", reject);
    socket.on("close", () => resolve(Buffer.concat(chunks).toString("latin1")));
    socket.write(bytes);
    if (end) socket.end();
  });
}

/** Without what differs from one request to the next; header lines in the order of their names. */
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
  taken: { headers: { ...key, ...json }, body: "{}", status: 202 },
  "taken by a key that is looked up": {
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
  "another type": { headers: { ...key, "content-type": "text/plain" }, body: "{}", status: 415 },
  "another charset": {
    headers: { ...key, "content-type": "application/json; charset=latin1" },
    body: "{}",
    status: 415,
  },
  "a type that is none": { headers: { ...key, "content-type": "json" }, body: "{}", status: 415 },
  "no type": { headers: key, body: "{}", status: 415 },
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
  "gzip that grows": {
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
  "an allowed origin, refused": { headers: { ...json, origin }, body: "{}", status: 401 },
  "another origin": {
    headers: { ...key, ...json, origin: "https://x.example" },
    body: "{}",
    status: 202,
  },
  "a preflight": { method: "OPTIONS", headers: { origin }, body: "", status: 204 },
  "an empty body": { headers: { ...key, ...json }, body: "", status: 202 },
  "an error nobody knows": { headers: { ...key, ...json }, body: "broken", status: 500 },
  "no content": { headers: { ...key, ...json }, body: "nothing", status: 204 },
  "text with a type": { headers: { ...key, ...json }, body: "plain", status: 200 },
  "bytes with a type": { headers: { ...key, ...json }, body: "bytes", status: 200 },
  GET: { method: "GET", headers: key, body: "", status: 404 },
  HEAD: { method: "HEAD", headers: key, body: "", status: 404 },
  "it waits for 100": {
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

test("both paths answer alike, header for header", async (t) => {
  const { port, seen } = await serve(t);
  for (const [name, one] of Object.entries(cases)) {
    const direct = await speak(port, whole(path, one));
    const told = seen.splice(0);
    const framework = await speak(port, whole(`${path}?`, one));
    assert.match(direct, new RegExp(`^HTTP/1.1 ${one.status} `), name);
    assert.deepEqual(comparable(direct), comparable(framework), name);
    assert.deepEqual(told, seen.splice(0), name);
  }
});

test("chunked, pipelined and kept-alive requests are answered alike and in order", async (t) => {
  const { port } = await serve(t);
  const taken: Case = { headers: { ...key, ...json }, status: 202 };
  const chunked = (target: string) =>
    `${head(target, taken)}transfer-encoding: chunked\r\n\r\n1\r\n{\r\n1\r\n}\r\n0\r\n\r\n`;
  const pipelined = (target: string) =>
    Buffer.concat([
      whole(target, { ...taken, body: '{"n":1}' }, false),
      whole(target, { ...taken, headers: json, body: '{"n":2}' }, false),
      whole(target, { ...taken, body: '{"n":3}' }),
    ]);
  for (const say of [chunked, pipelined]) {
    const direct = await speak(port, say(path));
    assert.deepEqual(comparable(direct), comparable(await speak(port, say(`${path}?`))));
    assert.match(direct, say === chunked ? /"text":"\{\}"/ : /n\\":1.* 401 .*n\\":3/s);
  }
});

test("a body that is cut is told to the observer alike", async (t) => {
  const { port, seen } = await serve(t);
  const cut = (target: string) =>
    `${head(target, { headers: { ...key, ...json }, status: 400 })}content-length: 9\r\n\r\n{`;
  const direct = await speak(port, cut(path), true);
  assert.deepEqual(comparable(direct), comparable(await speak(port, cut(`${path}?`), true)));
  assert.deepEqual(seen, [
    { status: 400, code: "malformed_request" },
    { status: 400, code: "malformed_request" },
  ]);
});

test("an answer that cannot be written is a 500, not a wait", async (t) => {
  const { port } = await serve(t);
  const one: Case = { headers: { ...key, ...json }, body: "line break", status: 500 };
  const answer = await speak(port, whole(path, one));
  assert.match(answer, /^HTTP\/1.1 500 Internal Server Error\r\n.*"code":"internal"/s);
});
