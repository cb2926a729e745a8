/** Paths, methods, credentials, content, upgrades, and requests behind each other. */
import { brotliCompressSync, deflateSync, gzipSync, zstdCompressSync } from "node:zlib";
import { type Access, caseList, close, event, goodGet, type HttpCase, host } from "./case.ts";

export function routingCases({ key }: Access): readonly HttpCase[] {
  const { cases, add } = caseList();
  const auth = `X-API-Key: ${key}\r\n`;
  const get = (target: string, headers = auth) =>
    `GET ${target} HTTP/1.1\r\n${host}${close}${headers}\r\n`;
  const post = (headers: string, body: string, path = "/api/events/") =>
    `POST ${path} HTTP/1.1\r\n${host}${close}${headers}Content-Length: ${Buffer.byteLength(body, "latin1")}\r\n\r\n${body}`;
  const json = "Content-Type: application/json\r\n";

  for (const [target, status] of [
    ["/api/meta", 200],
    ["/api/meta/", 200],
    ["/api/meta?", 200],
    ["/api/meta?&", 200],
    ["/api/meta?x", 400],
    ["/api/meta?__proto__=1", 400],
    ["/api/%6deta", 200],
    ["/api/%256deta", 404],
    ["/api//meta", 404],
    ["//api/meta", 404],
    ["/api/./meta", 404],
    ["/api/../api/meta", 404],
    ["/api/%2e%2e/meta", 404],
    ["/api%2fmeta", 404],
    ["/api\\meta", 404],
    ["/api/meta;x=1", 404],
    ["/api/meta%00", 404],
    ["/api/meta%20", 404],
    ["/api/meta%0a", 404],
    ["/API/META", 404],
    ["/api/%zz", 400],
    ["/api/%ff", 400],
    ["/api/%c0%ae", 400],
    ["/api/%", 400],
    [`/api/${"x".repeat(8_000)}`, 404],
    [`/${"x".repeat(8_192)}`, 414],
    ["/api/events/%00", 400],
    ["/api/events/a%00b/raw", 400],
    ["/api/events/%ed%a0%80", 400],
    ["/api/events/%2500", 404],
    ["/api/events/__proto__", 404],
    ["/api/events/constructor", 404],
    [`/api/events/${"x".repeat(513)}`, 414],
    [`/api/events/${"%C3%BC".repeat(300)}`, 404],
    ["/api/erasures/%00", 400],
    ["/api/erasures/1e9", 404],
    ["/api/dlq/letters/none", 404],
    ["/api/dlq/replays/none", 404],
    ["/api/products/a%00/similar", 400],
    ["/docs/static/%2e%2e/%2e%2e/package.json", 404],
    ["/docs/static/..%2f..%2fpackage.json", 404],
    ["/_next/static/%00", 404],
  ] as const) {
    add(`path: ${target.slice(0, 60)}`, get(target), status);
  }
  for (const query of [
    "event_type=%00",
    "source=a%00b",
    "user_id=%ff",
    "product_id=%c0%80",
    "event_type=%ed%a0%80",
    "event_type=%zz",
    "event_type=a&event_type=b",
    "event_typ=a",
    "constructor=1",
    "limit=0",
    "limit=-1",
    "limit=1.5",
    "limit=0x10",
    "limit=NaN",
    "limit=Infinity",
    "limit=1e400",
    "limit=99999999999999999999",
    "limit=",
    "from=now",
    "from=infinity",
    "from=0000-01-01",
    "from=9999-12-31",
    "from=2026-02-30",
    "from=%2B010000-01-01T00:00:00Z",
    "time_zone=%00",
    "cursor=%00",
    "property.=1",
    "property..a=1",
    `event_type=${"x".repeat(257)}`,
    Array.from({ length: 101 }, (_, n) => `property.p${n}=1`).join("&"),
  ]) {
    add(`query: ${query.slice(0, 60)}`, get(`/api/events?${query}`), 400);
  }
  // of the right form, and yet without an answer
  for (const query of ["time_zone=Mars/Olympus", "cursor=WyJldmVudHMiXQ"]) {
    add(`query: ${query}`, get(`/api/events?${query}`), 422);
  }
  for (const [method, status] of [
    ["HEAD", 200],
    ["OPTIONS", 204],
    ["POST", 405],
    ["PUT", 405],
    ["PATCH", 405],
    ["DELETE", 405],
    ["TRACE", 405],
    ["QUERY", 405],
    ["PROPFIND", 405],
    ["M-SEARCH", 405],
  ] as const) {
    const line = `${method} /health/live HTTP/1.1\r\n${host}${close}\r\n`;
    add(`method: ${method}`, line, { statuses: status, methods: [method] });
  }

  for (const [name, headers, status] of [
    ["none", "", 401],
    ["an empty key", "X-API-Key:\r\n", 401],
    ["a key that is none", "X-API-Key: x\r\n", 401],
    ["a key with bytes above ASCII", "X-API-Key: w\xe9ir\r\n", 401],
    ["a key of 10,000 characters", `X-API-Key: ${"weir_".repeat(2_000)}\r\n`, 401],
    ["a changed key", `X-API-Key: ${key.slice(0, -1)}\r\n`, 401],
    ["a bearer", `Authorization: Bearer ${key}\r\n`, 202],
    ["an empty bearer", "Authorization: Bearer \r\n", 401],
    ["a bearer in capitals", `Authorization: BEARER ${key}\r\n`, 202],
    ["basic", `Authorization: Basic ${Buffer.from(`${key}:`).toString("base64")}\r\n`, 202],
    ["basic that is no base64", "Authorization: Basic ***\r\n", 401],
    ["an unknown scheme", `Authorization: Digest ${key}\r\n`, 401],
    ["a session that is none", "Cookie: weir_session=x\r\n", 401],
    ["a cookie that is none", "Cookie: ;;;=;=\r\n", 401],
    ["a key in the query", "", 401],
  ] as const) {
    const path = name === "a key in the query" ? `/api/events/?x-api-key=${key}` : undefined;
    add(`credentials: ${name}`, post(headers + json, event, path), status);
  }

  const compressed = (coding: string, body: Buffer) =>
    post(`${auth}${json}Content-Encoding: ${coding}\r\n`, body.toString("latin1"));
  const bytes = Buffer.from(event);
  for (const [coding, compress] of [
    ["gzip", gzipSync],
    ["deflate", deflateSync],
    ["br", brotliCompressSync],
    ["zstd", zstdCompressSync],
  ] as const) {
    const whole = compress(bytes);
    const concatenates = coding === "gzip" || coding === "zstd";
    const inTwo = Buffer.concat([compress(bytes.subarray(0, 9)), compress(bytes.subarray(9))]);
    const bomb = compress(Buffer.alloc(11 * 1024 * 1024, " "));
    add(`${coding}: whole`, compressed(coding, whole), 202);
    add(`${coding}: in two streams`, compressed(coding, inTwo), concatenates ? 202 : 400);
    add(`${coding}: a second event`, compressed(coding, Buffer.concat([whole, whole])), 400);
    add(`${coding}: cut`, compressed(coding, whole.subarray(0, -1)), 400);
    add(`${coding}: text behind it`, compressed(coding, Buffer.concat([whole, bytes])), 400);
    add(
      `${coding}: zeros behind it`,
      compressed(coding, Buffer.concat([whole, Buffer.alloc(9)])),
      400,
    );
    add(`${coding}: not compressed`, compressed(coding, bytes), 400);
    add(`${coding}: nothing`, compressed(coding, Buffer.alloc(0)), 400);
    add(`${coding}: decodes to 11 MiB`, compressed(coding, bomb), 413);
  }
  for (const [name, headers, status] of [
    ["none", "", 415],
    ["text", "Content-Type: text/plain\r\n", 415],
    ["a form", "Content-Type: application/x-www-form-urlencoded\r\n", 415],
    ["several parts", "Content-Type: multipart/form-data; boundary=x\r\n", 415],
    ["no slash", "Content-Type: json\r\n", 415],
    ["empty", "Content-Type:\r\n", 415],
    ["UTF-16", "Content-Type: application/json; charset=utf-16\r\n", 415],
    ["Latin-1", 'Content-Type: application/json; charset="latin1"\r\n', 415],
    ["UTF-8", "Content-Type: application/json; charset=UTF-8\r\n", 202],
    ["capitals", "Content-Type: APPLICATION/JSON\r\n", 202],
    ["an unknown coding", `${json}Content-Encoding: lzma\r\n`, 415],
    ["two codings", `${json}Content-Encoding: gzip, gzip\r\n`, 415],
    ["two headers of codings", `${json}Content-Encoding: gzip\r\nContent-Encoding: br\r\n`, 415],
    ["identity", `${json}Content-Encoding: identity\r\n`, 202],
  ] as const) {
    add(`content: ${name}`, post(auth + headers, event), status);
  }

  upgrades();
  pipelines();
  return cases;

  function upgrades() {
    const socket = (query: string, more = auth, handshake = fullHandshake) =>
      `GET /ws/events${query} HTTP/1.1\r\n${host}${more}${handshake}\r\n`;
    const fullHandshake =
      "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    const without = (name: string) =>
      fullHandshake.replace(new RegExp(`${name}: [^\\r]*\\r\\n`, "i"), "");
    add("upgrade: no key", socket("", ""), 401);
    add("upgrade: unknown path", socket("/other"), 404);
    for (const query of [
      "?__proto__=1",
      "?constructor=1",
      "?unknown=1",
      "?event_type=%00",
      "?event_type=%ff",
      "?user_id=a&user_id=b",
      "?cursor=x",
      "?cursor=a&cursor=b",
      `?user_id=${"x".repeat(257)}`,
    ]) {
      add(`upgrade: ${query.slice(0, 40)}`, socket(query), 400);
    }
    add("upgrade: no Sec-WebSocket-Key", socket("", auth, without("Sec-WebSocket-Key")), 400);
    add("upgrade: version 12", socket("", auth, fullHandshake.replace("13", "12")), 426);
    add("upgrade: no version", socket("", auth, without("Sec-WebSocket-Version")), 426);
    add("upgrade: another protocol", socket("", auth + close, "Upgrade: h2c\r\n"), 426);
    add("upgrade: two Hosts", socket("", `${auth}${host}`), 400);
    const posted = socket("", auth + close).replace("GET", "POST");
    add("upgrade: POST", posted, 405);
  }

  /** Every request has its answer, in order, whatever comes behind it. */
  function pipelines() {
    const send = (headers = "") =>
      `POST /api/events/ HTTP/1.1\r\n${host}${auth}${json}${headers}Content-Length: ${event.length}\r\n\r\n${event}`;
    add("behind an event: another", send() + send() + goodGet, [202, 202, 200]);
    add("behind an event: garbage", `${send()}garbage\r\n\r\n`, [202, 400]);
    add("behind an event: one byte", `${send()}\x00`, [202, 400]);
    add("behind an event: half a request", `${send()}GET /he`, {
      statuses: [202, 400],
      half: true,
    });
    add("behind an event: HTTP/2", `${send()}PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n`, [202, 505]);
    add("behind an event: CONNECT", `${send()}CONNECT a:1 HTTP/1.1\r\n${host}\r\n`, [202, 501]);
    const twoHosts = `GET / HTTP/1.1\r\n${host}${host}\r\n`;
    add("behind an event: two Hosts, then an event", send() + twoHosts + send(), [202, 400]);
    const upgrade = `GET /ws/events HTTP/1.1\r\n${host}${auth}Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n`;
    // slow pieces arrive when the event has been answered: then nothing is in front of the handshake
    add("behind an event: an upgrade", send() + upgrade, {
      ...{ statuses: [202, 426], inPieces: [202, 101], half: true },
    });
    add("behind an event: HEAD", `${send()}HEAD /health/live HTTP/1.1\r\n${host}${close}\r\n`, {
      statuses: [202, 200],
      methods: ["POST", "HEAD"],
    });
    add("behind an event that closes: another", send(close) + send(), [202]);
    add("behind an event that closes: garbage", `${send(close)}garbage`, [202]);
    add(
      "behind an event with 100-continue: another",
      send("Expect: 100-continue\r\n") + goodGet,
      [100, 202, 200],
    );
    add("behind an event: the end of the client's side", send() + send(), {
      statuses: [202, 202],
      half: true,
    });
    const refused = send().replace(auth, "");
    add("behind a refused event: another", refused + send() + goodGet, [401, 202, 200]);
    add("100 events", send().repeat(100) + goodGet, [...Array(100).fill(202), 200]);
  }
}
