import assert from "node:assert/strict";
import { connect as connectHttp2 } from "node:http2";
import { after, type TestContext, test } from "node:test";
import { connect } from "node:tls";
import { gzipSync } from "node:zlib";
import { errorTable, limits } from "@weir/protocol";
import { WebSocket } from "ws";
import { requireServers } from "../../../../testing/servers/required-servers.ts";
import { until } from "../../../../testing/until.ts";
import {
  type Answer,
  type Asked,
  clientOf,
  startDatabase,
  startFront,
  startProcesses,
} from "./cluster.ts";

const needs = await requireServers("nginx");
const running = needs.skip === false ? await start() : undefined;

async function start() {
  const cluster = await startProcesses({ after }, await startDatabase({ after }));
  const front = await startFront({ after }, { processes: cluster.processes });
  const key = cluster.adminKey;
  const sender = { "x-api-key": key, "content-type": "application/json" };
  return { ...cluster, front, key, sender };
}

function setUp(t: TestContext) {
  assert.ok(running !== undefined);
  const client = clientOf(running.front);
  t.after(() => client[Symbol.dispose]());
  return { ...running, ask: client.ask };
}

const post = (path: string, body: string | Buffer, headers: Asked["headers"] = {}): Asked => ({
  ...{ method: "POST", path, body, headers },
});
const codeOf = ({ body }: Answer) => (JSON.parse(body) as { code: string }).code;

test("events reach Weir through every entry point", needs, async (t) => {
  const { ask, sender, key } = setUp(t);
  const event = JSON.stringify({ event_type: "proxied" });
  const single = await ask(post("/api/events/", event, sender));
  assert.equal(single.status, 202, single.body);
  const batch = await ask(post("/api/events/batch", `[${event},${event}]`, sender));
  assert.equal(batch.status, 202);
  assert.equal((JSON.parse(batch.body) as { results: unknown[] }).results.length, 2);
  const lines = { ...sender, "content-type": "application/x-ndjson" };
  assert.equal((await ask(post("/api/events/batch", `${event}\n${event}\n`, lines))).status, 202);
  const many = JSON.stringify(Array.from({ length: 1_000 }, () => ({ event_type: "proxied" })));
  const gzip = { ...sender, "content-encoding": "gzip" };
  const zipped = await ask(post("/api/events/batch", gzipSync(many), gzip));
  assert.equal((JSON.parse(zipped.body) as { results: unknown[] }).results.length, 1_000);
  const message = { type: "track", event: "Proxied", userId: "ada", messageId: "proxied-1" };
  const basic = `Basic ${Buffer.from(`${key}:`).toString("base64")}`;
  const segment = await ask(
    post("/v1/batch", JSON.stringify({ batch: [message] }), {
      ...{ authorization: basic, "content-type": "application/json" },
    }),
  );
  assert.equal(segment.status, 200, segment.body);
  const cloud = {
    ...{ specversion: "1.0", id: "proxied-2", source: "/test", type: "proxied" },
  };
  const cloudEvents = await ask(
    post("/cloudevents", JSON.stringify(cloud), {
      ...sender,
      "content-type": "application/cloudevents+json",
    }),
  );
  assert.equal(cloudEvents.status, 202, cloudEvents.body);
});

test("HTTP/2 is spoken, TLS 1.2 is not", needs, async (t) => {
  const { front, sender } = setUp(t);
  const session = connectHttp2(`https://localhost:${front.port}`, { ca: front.ca });
  t.after(() => session.destroy());
  const stream = session.request({
    ...{ ":method": "POST", ":path": "/api/events/" },
    ...sender,
  });
  stream.end(JSON.stringify({ event_type: "over.http2" }));
  const status = await new Promise((resolve, reject) => {
    stream.on("response", (headers) => resolve(headers[":status"]));
    stream.on("error", reject);
  });
  assert.equal(status, 202);

  const old = connect({
    ...{ port: front.port, host: "127.0.0.1", ca: front.ca, servername: "localhost" },
    maxVersion: "TLSv1.2",
  });
  const refused = await new Promise<Error | undefined>((resolve) => {
    old.on("error", resolve);
    old.on("secureConnect", () => resolve(undefined));
  });
  old.destroy();
  assert.match(String(refused), /protocol version|alert/i);
});

test("the live feed delivers through the proxy, without delay by buffers", needs, async (t) => {
  const { front, key, ask, sender } = setUp(t);
  const socket = new WebSocket(`wss://localhost:${front.port}/ws/events?event_type=live.one`, {
    ...{ ca: front.ca, headers: { "x-api-key": key } },
  });
  t.after(() => socket.terminate());
  const frames: { type: string }[] = [];
  socket.on("message", (data) => frames.push(JSON.parse(String(data)) as { type: string }));
  await until(() => frames.some(({ type }) => type === "hello"), { what: "hello" });
  await ask(post("/api/events/", JSON.stringify({ event_type: "live.one" }), sender));
  await until(() => frames.some(({ type }) => type === "event"), { what: "the event" });
});

test("pages and answers arrive with each security header once", needs, async (t) => {
  const { ask, key } = setUp(t);
  for (const path of ["/docs", "/openapi.json", "/health/live"]) {
    const answer = await ask({ path, headers: { accept: "text/html", "x-api-key": key } });
    assert.equal(answer.status, 200, path);
    const names = answer.rawHeaders
      .filter((_, at) => at % 2 === 0)
      .map((name) => name.toLowerCase());
    for (const name of [
      ...["strict-transport-security", "x-content-type-options", "referrer-policy"],
    ]) {
      assert.equal(names.filter((one) => one === name).length, 1, `${path}: ${name}`);
    }
    assert.ok(!/nginx\/\d/.test(String(answer.headers["server"])), "no version");
  }
  const home = await ask({ path: "/", headers: { accept: "text/html" } });
  assert.match(String(home.headers["content-security-policy"]), /default-src 'none'/);
});

test("what is too large is refused with Weir's own status and code", needs, async (t) => {
  const { ask, sender, processes } = setUp(t);
  const [direct] = processes;
  const cases: readonly (readonly [keyof typeof errorTable, Asked])[] = [
    ["too_large", post("/api/events/batch", Buffer.alloc(limits.batchBytes + 1, " "), sender)],
    [
      "uri_too_long",
      { path: `/api/analytics/overview?zone=${"x".repeat(8_192)}`, headers: sender },
    ],
    ["uri_too_long", { path: `/${"x".repeat(20_000)}` }],
    ["headers_too_large", { path: "/health/live", headers: { "x-long": "x".repeat(16_300) } }],
    ["headers_too_large", { path: "/health/live", headers: { "x-long": "x".repeat(20_000) } }],
    [
      "headers_too_large",
      {
        path: "/health/live",
        headers: Object.fromEntries(
          Array.from({ length: 20 }, (_, n) => [`x-long-${n}`, "x".repeat(1_000)]),
        ),
      },
    ],
  ];
  for (const [code, asked] of cases) {
    const answer = await ask(asked).catch((error: Error) => error);
    assert.ok(!(answer instanceof Error), `${code}: ${answer}`);
    const { status, title, retryable } = errorTable[code];
    assert.deepEqual([answer.status, codeOf(answer)], [status, code], answer.body);
    const { title: found, retryable: again } = JSON.parse(answer.body) as Record<string, unknown>;
    assert.deepEqual([found, again], [title, retryable]);
    assert.match(String(answer.headers["content-type"]), /application\/problem\+json/);
  }
  // what nginx lets through, Weir judges itself: the largest that Weir takes arrives
  const padded = `[${JSON.stringify({ event_type: "padded" })}]`.padEnd(limits.batchBytes, " ");
  assert.equal((await ask(post("/api/events/batch", padded, sender))).status, 202);
  const longest = `/api/analytics/overview?zone=${"x".repeat(8_000)}`;
  const judged = await ask({ path: longest, headers: sender });
  const same = await fetch(`http://127.0.0.1:${direct?.port}${longest}`, { headers: sender });
  const refusal = (await same.json()) as { code: string };
  assert.deepEqual([judged.status, codeOf(judged)], [same.status, refusal.code]);
});

test("the client's address is that of the connection, whatever it claims", needs, async (t) => {
  const { ask, processes } = setUp(t);
  const claims = {
    "x-forwarded-for": "6.6.6.6, 7.7.7.7",
    forwarded: "for=6.6.6.6",
    "x-real-ip": "6.6.6.6",
    "weir-request-id": "0".repeat(32),
    "content-type": "application/json",
  };
  const path = "/api/services";
  await ask({ path, headers: claims, from: "127.0.0.77" });
  const output = () => processes.map((one) => one.output()).join("\n");
  await until(() => output().includes('"ip":"127.0.0.77"'), { what: () => output().slice(-500) });
  assert.doesNotMatch(output(), /6\.6\.6\.6|7\.7\.7\.7/);
});

test("the log is JSON, has the request, and never a key", needs, async (t) => {
  const { ask, front, key, sender } = setUp(t);
  await ask(post("/api/events/", JSON.stringify({ event_type: "logged" }), sender));
  await ask({ path: `/api/analytics/overview?key=${key}`, headers: sender });
  await ask({ path: `/api/keys/${key}/more`, headers: { ...sender, referer: `/?k=${key}` } });
  await ask({ path: '/no%0Asuch"page', headers: { "user-agent": 'a "quoted" \\ agent' } });
  const lines = async () => (await front.log()).trim().split("\n");
  await until(async () => (await lines()).some((line) => line.includes("such")), {
    what: "the lines",
  });
  for (const line of await lines()) {
    const entry = JSON.parse(line) as Record<string, unknown>;
    assert.match(String(entry["request_id"]), /^[0-9a-f]{32}$/);
    assert.equal(typeof entry["status"], "number");
  }
  const text = await front.log();
  const secret = key.split("_")[3] ?? "";
  assert.ok(secret.length > 30 && !text.includes(secret) && !text.includes(secret.slice(0, 12)));
  assert.match(text, /"path":"\/api\/events\/".*"upstream":"127/);
});

test("metrics are not public, and plain HTTP is no way in", needs, async (t) => {
  const { ask, front, key, sender } = setUp(t);
  const metrics = await ask({ path: "/metrics", headers: { "x-api-key": key } });
  assert.deepEqual([metrics.status, codeOf(metrics)], [403, "forbidden"]);
  const base = `http://127.0.0.1:${front.plainPort}`;
  const page = await fetch(`${base}/live?zone=UTC`, { redirect: "manual" });
  assert.equal(page.status, 308);
  assert.match(page.headers.get("location") ?? "", /^https:\/\/127\.0\.0\.1\/live\?zone=UTC$/);
  const event = { method: "POST", body: JSON.stringify({ event_type: "x" }), headers: sender };
  const sent = await fetch(`${base}/api/events/`, { ...event, redirect: "manual" });
  assert.equal(sent.status, 403);
});

test("a worker that is killed is replaced, and the next request is answered", needs, async (t) => {
  const { front, ask } = setUp(t);
  const killed = await front.workers();
  for (const pid of killed) process.kill(pid, "SIGKILL");
  await until(
    async () => {
      const now = await front.workers();
      return now.length === killed.length && now.every((pid) => !killed.includes(pid));
    },
    { what: "new workers" },
  );
  assert.equal((await ask({ path: "/health/live" })).status, 200);
});
