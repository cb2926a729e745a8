/** Every error is a problem document, also those that Node's parser and Fastify raise by themselves. */
import assert from "node:assert/strict";
import { connect } from "node:net";
import { test } from "node:test";
import { type ErrorCode, errorTable, type Problem } from "@weir/protocol";
import {
  type RawAnswer,
  readAnswer,
  serveRoutes,
  speak,
} from "../../../test/helpers/http-server.ts";
import type { Route } from "../../core/ports/route.ts";

const take: Route = {
  method: "POST",
  path: "/api/things/",
  view: "events.thing_ingest",
  access: "permission",
  summary: "Send bytes",
  body: { kind: "bytes", contentTypes: ["application/json"], description: "bytes", limit: 2_000 },
  responses: {},
  handle: async () => ({ status: 202, body: {} }),
};
const show: Route = {
  method: "GET",
  path: "/api/things/:id",
  view: "events.thing",
  access: "permission",
  summary: "Get a thing",
  responses: {},
  handle: async ({ params }) => ({ status: 200, body: { id: params["id"] } }),
};
const routes = [take, show];

/** A request to the event route; `slow` spellings go through Fastify's router. */
function post(head: string, options: { readonly slow?: boolean; readonly body?: string } = {}) {
  const path = options.slow ? "/api/things/?" : "/api/things/";
  return `POST ${path} ${head}x-api-key: good\r\ncontent-type: application/json\r\n${options.body ?? "content-length: 2\r\n\r\n{}"}`;
}

function assertProblem(answer: RawAnswer, code: ErrorCode, name: string): Problem {
  assert.equal(answer.headers["content-type"], "application/problem+json; charset=utf-8", name);
  const problem = JSON.parse(answer.body) as Problem;
  assert.deepEqual(
    [answer.status, problem.code, problem.status, problem.title],
    [errorTable[code].status, code, errorTable[code].status, errorTable[code].title],
    name,
  );
  assert.equal(Number(answer.headers["content-length"]), Buffer.byteLength(answer.body), name);
  return problem;
}

const http = "HTTP/1.1\r\nhost: weir\r\nconnection: close\r\n";
const chunkedBody = "transfer-encoding: gzip, chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n";
const longId = "x".repeat(513);

const cases: Readonly<Record<string, readonly [request: string, code: ErrorCode]>> = {
  "two Host headers": [post(`${http}Host: other\r\n`), "malformed_request"],
  "two Host headers, routed by Fastify": [
    post(`${http}Host: other\r\n`, { slow: true }),
    "malformed_request",
  ],
  "no Host header": [post("HTTP/1.1\r\nconnection: close\r\n"), "malformed_request"],
  "an unknown transfer coding": [post(http, { body: chunkedBody }), "not_implemented"],
  "an unknown transfer coding, routed by Fastify": [
    post(http, { body: chunkedBody, slow: true }),
    "not_implemented",
  ],
  "a transfer coding that does not end in chunked": [
    post(http, { body: "transfer-encoding: gzip\r\n\r\n{}" }),
    "malformed_request",
  ],
  "HTTP/2.0 in the request line": [
    post("HTTP/2.0\r\nhost: weir\r\nconnection: close\r\n"),
    "http_version_not_supported",
  ],
  "HTTP/3.0 in the request line": [
    post("HTTP/3.0\r\nhost: weir\r\n"),
    "http_version_not_supported",
  ],
  "the preface of HTTP/2": ["PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "http_version_not_supported"],
  "bad percent-encoding in a path parameter": [
    `GET /api/things/%zz ${http}x-api-key: good\r\n\r\n`,
    "malformed_request",
  ],
  "bad percent-encoding outside the API": [`GET /%zz ${http}\r\n`, "malformed_request"],
  "invalid UTF-8 in percent-encoding": [`GET /api/things/%ff ${http}\r\n`, "malformed_request"],
  "a path parameter over 512 characters": [
    `GET /api/things/${longId} ${http}x-api-key: good\r\n\r\n`,
    "uri_too_long",
  ],
  "headers that are too large": [
    `GET /api/things/1 ${http}x-long: ${"x".repeat(20_000)}\r\n\r\n`,
    "headers_too_large",
  ],
  "a request line that is none": ["hello\r\n\r\n", "malformed_request"],
  "TLS on the plain port": ["\u0016\u0003\u0001\u0002\u0000\u0001", "malformed_request"],
  "a header without a colon": ["GET / HTTP/1.1\r\nhost weir\r\n\r\n", "malformed_request"],
  "a method that Node does not know": [`foo /api/things/ ${http}\r\n`, "not_implemented"],
  CONNECT: ["CONNECT weir:443 HTTP/1.1\r\nhost: weir\r\n\r\n", "not_implemented"],
  "an unknown expectation": [post(`${http}expect: coffee\r\n`), "expectation_failed"],
  "a content length that is no number": [
    post(http, { body: "content-length: two\r\n\r\n{}" }),
    "malformed_request",
  ],
  "a content length and a transfer coding": [
    post(http, { body: "content-length: 2\r\ntransfer-encoding: chunked\r\n\r\n{}" }),
    "malformed_request",
  ],
  "a body that is too large": [
    post(http, { body: `content-length: 2001\r\n\r\n${"x".repeat(2_001)}` }),
    "too_large",
  ],
  "a chunked body that is too large": [
    post(http, {
      body: `transfer-encoding: chunked\r\n\r\n7d1\r\n${"x".repeat(2_001)}\r\n0\r\n\r\n`,
    }),
    "too_large",
  ],
  "an unsupported content type": [
    `POST /api/things/ ${http}x-api-key: good\r\ncontent-type: text/plain\r\ncontent-length: 2\r\n\r\n{}`,
    "unsupported_media_type",
  ],
  "a malformed content type": [
    `POST /api/things/ ${http}x-api-key: good\r\ncontent-type: json\r\ncontent-length: 2\r\n\r\n{}`,
    "unsupported_media_type",
  ],
  "an unknown path": [`GET /api/nothing ${http}\r\n`, "not_found"],
  "a method that the path does not have": [
    `PROPFIND /api/things/ ${http}\r\n`,
    "method_not_allowed",
  ],
  "a host that is none": [post("HTTP/1.1\r\nhost: we/ir\r\n"), "malformed_request"],
  "a host with a user": [post("HTTP/1.1\r\nhost: me@weir\r\n"), "malformed_request"],
  "a URL of another host": [
    `GET http://other/api/things/1 ${http}x-api-key: good\r\n\r\n`,
    "malformed_request",
  ],
  "a URL of another port": [`GET http://weir:81/ ${http}\r\n`, "malformed_request"],
  "a URL with a user": [`GET http://me@weir/ ${http}\r\n`, "malformed_request"],
  "a URL of another scheme": [`GET ftp://weir/ ${http}\r\n`, "malformed_request"],
  "an asterisk for GET": [`GET * ${http}\r\n`, "malformed_request"],
  "a target without a slash": [`GET api/things/1 ${http}\r\n`, "malformed_request"],
  "a fragment in the target": [`GET /api/things/1#x ${http}\r\n`, "malformed_request"],
  "bytes above ASCII in the target": [`GET /api/things/\u00fc ${http}\r\n`, "malformed_request"],
  "a space in the target": [`GET /api/things/1 2 ${http}\r\n`, "malformed_request"],
  "a target of 8,193 characters": [`GET /${"x".repeat(8_192)} ${http}\r\n`, "uri_too_long"],
  "257 headers": [`GET /api/things/1 ${http}${"x: 1\r\n".repeat(255)}\r\n`, "headers_too_large"],
  "HTTP/0.9": ["GET /api/things/1\r\n\r\n", "http_version_not_supported"],
  "HTTP/0.9 in the request line": [
    "GET /api/things/1 HTTP/0.9\r\n\r\n",
    "http_version_not_supported",
  ],
  "HTTP/1.2": [post("HTTP/1.2\r\nhost: weir\r\n"), "http_version_not_supported"],
  "a folded header": [`GET /api/things/1 ${http}x: 1\r\n 2\r\n\r\n`, "malformed_request"],
  "a line feed alone": [`GET /api/things/1 ${http}x: 1\ny: 2\r\n\r\n`, "malformed_request"],
  "a carriage return alone": [`GET /api/things/1 ${http}x: 1\ry: 2\r\n\r\n`, "malformed_request"],
  "a space before the colon": [`GET /api/things/1 ${http}x : 1\r\n\r\n`, "malformed_request"],
  "a header without a name": [`GET /api/things/1 ${http}: 1\r\n\r\n`, "malformed_request"],
  "a NUL in a header": [`GET /api/things/1 ${http}x: a\0b\r\n\r\n`, "malformed_request"],
  "two keys": [post(`${http}x-api-key: bad\r\n`), "malformed_request"],
  "two Authorization headers": [
    post(`${http}authorization: Bearer a\r\nauthorization: Bearer b\r\n`),
    "malformed_request",
  ],
  "two content types": [post(`${http}content-type: text/plain\r\n`), "malformed_request"],
  "a transfer coding in HTTP/1.0": [
    post("HTTP/1.0\r\nhost: weir\r\n", {
      body: "transfer-encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
    }),
    "malformed_request",
  ],
  "chunked twice": [
    post(http, { body: "transfer-encoding: chunked, chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n" }),
    "malformed_request",
  ],
  "the same length twice": [
    post(http, { body: "content-length: 2\r\ncontent-length: 2\r\n\r\n{}" }),
    "malformed_request",
  ],
  "a list of lengths": [
    post(http, { body: "content-length: 2, 2\r\n\r\n{}" }),
    "malformed_request",
  ],
  "a length with a sign": [
    post(http, { body: "content-length: +2\r\n\r\n{}" }),
    "malformed_request",
  ],
  "a chunk size that is no number": [
    post(http, { body: "transfer-encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n" }),
    "malformed_request",
  ],
  "a chunk longer than its size": [
    post(http, { body: "transfer-encoding: chunked\r\n\r\n1\r\n{}\r\n0\r\n\r\n" }),
    "malformed_request",
  ],
  "a chunk extension of 20 KB": [
    post(http, {
      body: `transfer-encoding: chunked\r\n\r\n2;x=${"x".repeat(20_000)}\r\n{}\r\n0\r\n\r\n`,
    }),
    "too_large",
  ],
  "an unknown query parameter": [
    `GET /api/things/1?x=1 ${http}x-api-key: good\r\n\r\n`,
    "invalid_query",
  ],
  "a NUL in a path parameter": [
    `GET /api/things/a%00b ${http}x-api-key: good\r\n\r\n`,
    "malformed_request",
  ],
  "a plain request to the live feed": [`GET /ws/events ${http}\r\n`, "upgrade_required"],
};

for (const [name, [request, code]] of Object.entries(cases)) {
  test(`${name} is answered ${errorTable[code].status} with a problem document`, async (t) => {
    const { port, seen } = await serveRoutes(t, { routes });
    assertProblem(readAnswer(await speak(port, request)), code, name);
    assert.ok(seen.every(({ status }) => status >= 400));
  });
}

test("a well-formed request without a Host header is served in HTTP/1.0", async (t) => {
  const { port } = await serveRoutes(t, { routes });
  const answer = readAnswer(await speak(port, post("HTTP/1.0\r\n")));
  assert.equal(answer.status, 202);
});

test("a chunked body is accepted however its coding is capitalised", async (t) => {
  const { port } = await serveRoutes(t, { routes });
  const body = "transfer-encoding: Chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n";
  assert.equal(readAnswer(await speak(port, post(http, { body }))).status, 202);
});

test("while the server shuts down, new requests are a 503 with Retry-After", async (t) => {
  const { promise: blocked, resolve: release } = Promise.withResolvers<void>();
  const slow: Route = {
    ...show,
    path: "/api/slow",
    view: "events.slow",
    async handle() {
      await blocked;
      return { status: 200, body: {} };
    },
  };
  const { http: shell, port } = await serveRoutes(t, { routes: [...routes, slow] });
  const socket = connect(port, "127.0.0.1");
  const chunks: Buffer[] = [];
  socket.on("data", (chunk) => chunks.push(chunk));
  const ended = new Promise((resolve) => socket.once("close", resolve));
  const started = new Promise((resolve) => shell.server.once("request", resolve));
  socket.write("GET /api/slow HTTP/1.1\r\nhost: weir\r\nx-api-key: good\r\n\r\n");
  await started;
  const closed = shell.close();
  const second = new Promise((resolve) => shell.server.once("request", resolve));
  socket.write(post("HTTP/1.1\r\nhost: weir\r\n"));
  await second;
  release();
  await Promise.all([ended, closed]);
  const text = Buffer.concat(chunks).toString("latin1");
  const answers = text.split(/(?=HTTP\/1\.1 )/).map(readAnswer);
  assert.deepEqual(
    answers.map(({ status }) => status),
    [200, 503],
  );
  const [, refused] = answers;
  assert.ok(refused !== undefined);
  assertProblem(refused, "unavailable", "shutting down");
  assert.equal(refused.headers["retry-after"], "1");
});
