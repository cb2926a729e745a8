/**
 * The Big List of Naughty Strings, and texts that PostgreSQL or JSON cannot hold, in every place that takes
 * text: stored and found exactly as sent, or refused with a reason, and never a failure of the server.
 */
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { after, type TestContext, test } from "node:test";
import { WebSocket } from "ws";
import { openPool } from "../../src/adapters/postgres/pool.ts";
import { naughtyStrings } from "../helpers/corpora.ts";
import { inParallel } from "../helpers/in-parallel.ts";
import { type RunningWeir, runCommand, startWeir } from "../helpers/weir.ts";

const strings = naughtyStrings();
/** As they are written in a URL. None of them is valid percent-encoded text. */
const badEncodings = [
  ...["%00", "a%00b", "%ff", "%c3", "%c0%af", "%c0%80", "%ed%a0%80", "%ed%a0%bd%ed%b8%80"],
  ...["%f4%90%80%80", "%zz", "%", "%e", "%u0041"],
];
/** Texts that JSON can write and PostgreSQL cannot hold. */
const unstorable = ["\0", "a\0b", "\ud800", "\udfff", "a\ud800b", "\udc00\ud800"];
/** Values that something behind the routes may read as numbers, times or patterns. */
const values = [
  ...["NaN", "Infinity", "-0", "1e400", "0x10", "9223372036854775808", "99999999999999999999"],
  ...["now", "infinity", "epoch", "0000-01-01", "9999-12-31T23:59:59Z", "+010000-01-01T00:00:00Z"],
  ...["2026-02-30T00:00:00Z", "2026-01-01T00:00:00-23:59", "10000-01-01", "294277-01-01T00:00:00Z"],
  ...["__proto__", "constructor", "toString", "{}", "[]", "null", "%", "_", "\\", "a,b", "*.*.*"],
  ...["ffffffff-ffff-7fff-bfff-ffffffffffff", "00000000-0000-0000-0000-000000000000"],
];

const weir = await startWeir({ after });

interface Reply {
  readonly status: number;
  readonly text: string;
}
type Send = (method: string, path: string, body?: unknown) => Promise<Reply>;

function sender(weir: RunningWeir): Send {
  return async (method, path, body) => {
    const response = await fetch(weir.run.url + path, {
      method,
      headers: {
        "x-api-key": weir.adminKey,
        ...(body === undefined ? {} : { "content-type": "application/json" }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    return { status: response.status, text: await response.text() };
  };
}

/** A refusal says why; nothing fails, and nothing is left for the database to refuse. */
function assertSound({ status, text }: Reply, about: string): void {
  assert.ok(status < 500 || status === 503, `${status} ${about}: ${text.slice(0, 500)}`);
  if (status < 400) return;
  const problem = JSON.parse(text) as { detail?: string; code: string };
  assert.doesNotMatch(
    problem.detail ?? "",
    /the database cannot hold/,
    `checked too late: ${about}`,
  );
  assert.doesNotMatch(text, /node:|\.ts:\d|\\n\s+at |SQLSTATE/, about);
}

function assertNoFailures(weir: RunningWeir): void {
  const folder = join(weir.dataDir, "logs");
  const lines = readdirSync(folder)
    .filter((name) => name.endsWith(".log"))
    .flatMap((name) => readFileSync(join(folder, name), "utf8").split("\n"));
  assert.deepEqual(
    lines.filter((line) => /"level":"(error|fatal)".*"request_id"|Warning/.test(line)),
    [],
  );
}

test("every naughty string in every member of an event is stored and found as it was sent", async () => {
  const send = sender(weir);
  const events = strings.map((text, n) => ({
    event_id: `naughty ${n}`,
    event_type: "naughty",
    ...(text === "" || text.length > 200 ? {} : { user_id: text, session_id: text }),
    ...(text === "" || text.length > 200
      ? {}
      : { product: { id: text, name: text, category: text } }),
    properties: { text, [text]: n, list: [text] },
  }));
  await inParallel(events, async (event) => {
    const reply = await send("POST", "/api/events/", event);
    assert.equal(reply.status, 202, `${JSON.stringify(event)}: ${reply.text}`);
  });
  await using pool = openPool({ url: weir.run.database_url, applicationName: "test", max: 1 });
  const rows = await pool.query<{ event_ref: string; payload: string }>({
    text: "select event_ref, payload from raw.events where event_type = 'naughty'",
  });
  const kept = new Map(rows.map((row) => [row.event_ref, row.payload]));
  for (const event of events) assert.equal(kept.get(event.event_id), JSON.stringify(event));

  await inParallel(strings, async (text, n) => {
    if (text === "" || text.length > 200) return;
    const asValue = encodeURIComponent(text);
    for (const name of ["user_id", "product_id", "property.text"]) {
      const reply = await send("GET", `/api/events?${name}=${asValue}&limit=1000`);
      assert.equal(reply.status, 200, `${name}=${asValue}: ${reply.text}`);
      const ids = (JSON.parse(reply.text).events as { event_id: string }[]).map(
        (one) => one.event_id,
      );
      assert.ok(ids.includes(`naughty ${n}`), `${name}=${asValue} finds ${ids}`);
    }
  });

  // as the type and the id of an event
  await inParallel(strings, async (text, n) => {
    const type = await send("POST", "/api/events/", { event_type: text, event_id: `type ${n}` });
    const isType = text !== "" && [...text].length <= 128 && !/\p{Cc}/u.test(text);
    assert.equal(type.status, isType ? 202 : 422, `${JSON.stringify(text)}: ${type.text}`);
    const id = await send("POST", "/api/events/", { event_type: "naughty.id", event_id: text });
    const isId = text !== "" && [...text].length <= 128;
    assert.equal(id.status, isId ? 202 : 422, `${JSON.stringify(text)}: ${id.text}`);
    if (!isId || text === "." || text === "..") return;
    const found = await send("GET", `/api/events/${encodeURIComponent(text)}`);
    assert.equal(found.status, 200, `${JSON.stringify(text)}: ${found.text}`);
    assert.equal(JSON.parse(found.text).event_id, text);
  });
  assertNoFailures(weir);
});

interface Parameter {
  readonly name: string;
  readonly in: string;
}

/** Every parameter of every route, from the API's own document. */
async function parametersOf(weir: RunningWeir) {
  const document = (await (await fetch(`${weir.run.url}/openapi.json`)).json()) as {
    paths: Record<string, Record<string, { parameters?: readonly Parameter[] }>>;
  };
  return Object.entries(document.paths).flatMap(([path, operations]) =>
    Object.entries(operations).flatMap(([method, { parameters = [] }]) =>
      parameters
        .filter((parameter) => parameter.in !== "header")
        .map((parameter) => ({ method: method.toUpperCase(), path, parameter })),
    ),
  );
}

/** A path with `encoded` in the place of one parameter and a harmless value in the others. */
function address(path: string, { name, in: place }: Parameter, encoded: string): string {
  const filled = path.replaceAll(/\{(\w+)\}/g, (_, one) =>
    place === "path" && one === name ? encoded : "x",
  );
  const shown = name.endsWith(".*") ? `${name.slice(0, -1)}p` : name;
  return place === "query" ? `${filled}?${shown}=${encoded}` : filled;
}

test("every parameter of every route takes any text, or says what is wrong with it", async () => {
  const send = sender(weir);
  const parameters = await parametersOf(weir);
  assert.ok(parameters.length > 100, `${parameters.length} parameters`);
  let turn = 0;
  await inParallel(parameters, async ({ method, path, parameter }) => {
    for (const bad of badEncodings) {
      const target = address(path, parameter, bad);
      const reply = await send(method, target);
      assertSound(reply, `${method} ${target}`);
      assert.equal(reply.status, 400, `${method} ${target}: ${reply.text}`);
    }
    // each string many times over all parameters, not all of them for each
    const some = Array.from({ length: 20 }, () => strings[turn++ % strings.length] ?? "");
    for (const text of [...values, ...some]) {
      const target = address(path, parameter, encodeURIComponent(text));
      assertSound(await send(method, target), `${method} ${target}`);
    }
    const names = [
      `__proto__=1`,
      `constructor=1`,
      `${"n".repeat(300)}=1`,
      "%00=1",
      "%ff=1",
      "ünknown=1",
    ];
    for (const name of names) {
      const target = `${address(path, { name: "", in: "path" }, "")}?${encodeURI(name).replace(/%25/g, "%")}`;
      const reply = await send(method, target);
      assert.equal(reply.status, 400, `${method} ${target}: ${reply.text}`);
    }
  });
  assertNoFailures(weir);
});

const permission = "events.post.event_ingest";
/** Bodies of the administration with a text in one place. */
const bodies: Readonly<
  Record<string, (text: string) => readonly [method: string, path: string, body: object]>
> = {
  "a service's name": (text) => ["POST", "/api/services", { name: text, role: "service" }],
  "a service's role": (text) => ["POST", "/api/services", { name: "other", role: text }],
  "a changed role": (text) => ["PATCH", "/api/services/probe", { role: text }],
  "a key's service": (text) => ["POST", "/api/keys", { service: text }],
  "a key's label": (text) => ["POST", "/api/keys", { service: "probe", label: text }],
  "a key's expiry": (text) => ["POST", "/api/keys", { service: "probe", expires_at: text }],
  "a replaced key": (text) => ["POST", "/api/keys", { service: "probe", replaces: text }],
  "a role's name": (text) => ["PUT", "/api/roles", { name: text, permissions: [] }],
  "a role's description": (text) => [
    "PUT",
    "/api/roles",
    { name: "probe", description: text, permissions: [] },
  ],
  "a role's permission": (text) => ["PUT", "/api/roles", { name: "probe", permissions: [text] }],
  "a permission's service": (text) => [
    "POST",
    "/api/permissions",
    { service: text, permission, kind: "extra" },
  ],
  "a permission": (text) => [
    "POST",
    "/api/permissions",
    { service: "probe", permission: text, kind: "extra" },
  ],
  "a removed permission": (text) => [
    "DELETE",
    "/api/permissions",
    { service: "probe", permission: text, kind: "extra" },
  ],
  "a searched text": (text) => ["POST", "/api/search", { text }],
  "a hybrid search": (text) => ["POST", "/api/search", { text, hybrid: true }],
  "a category": (text) => ["POST", "/api/search", { text: "mug", filter: { category: [text] } }],
  "a currency": (text) => ["POST", "/api/search", { text: "mug", filter: { currency: text } }],
  "a model": (text) => ["POST", "/api/search", { text: "mug", model: text }],
  "an event search": (text) => ["POST", "/api/events/search", { text }],
  "an event search's bound": (text) => [
    "POST",
    "/api/events/search",
    { text: "mug", filter: { from: text } },
  ],
  "a window's start": (text) => ["POST", "/api/windows/rerun", { size: "hour", start: text }],
  "a part of dead letters": (text) => ["POST", "/api/dlq/discard", { filter: { part: text } }],
  "a reason of dead letters": (text) => [
    "POST",
    "/api/dlq/replays",
    { filter: { reason: text }, dry_run: true },
  ],
  "a text of dead letters": (text) => [
    "POST",
    "/api/dlq/replays",
    { filter: { text }, dry_run: true },
  ],
  "a time of dead letters": (text) => [
    "POST",
    "/api/dlq/replays",
    { filter: { since: text }, dry_run: true },
  ],
  "an id of dead letters": (text) => [
    "POST",
    "/api/dlq/replays",
    { filter: { ids: [text] }, dry_run: true },
  ],
  "a sign-in token": (text) => ["POST", "/api/session", { token: text }],
  "a sign-in key": (text) => ["POST", "/api/session", { key: text }],
  "a member's name": (text) => ["POST", "/api/services", { [text]: 1, name: "x", role: "service" }],
};

test("every text in the bodies of the administration is kept as sent or refused", async () => {
  const send = sender(weir);
  assert.equal(
    (await send("POST", "/api/services", { name: "probe", role: "service" })).status,
    201,
  );
  await inParallel(Object.entries(bodies), async ([place, request]) => {
    for (const text of unstorable) {
      const reply = await send(...request(text));
      assertSound(reply, `${place} ${JSON.stringify(text)}`);
      assert.equal(reply.status, 422, `${place} ${JSON.stringify(text)}: ${reply.text}`);
    }
    for (const text of [...strings, ...values, "x".repeat(100_000)]) {
      const reply = await send(...request(text));
      assertSound(reply, `${place} ${JSON.stringify(text).slice(0, 300)}`);
      if (place !== "a key's label" || reply.status !== 201) continue;
      assert.equal(JSON.parse(reply.text).label, text);
    }
  });
  const { keys } = JSON.parse((await send("GET", "/api/keys?service=probe")).text) as {
    keys: { label: string }[];
  };
  const labels = new Set(keys.map(({ label }) => label));
  for (const text of strings)
    if (text.length <= 200) assert.ok(labels.has(text), JSON.stringify(text));
  const listed = await runCommand(["keys", "list", "--data", weir.dataDir]);
  assert.equal(listed.exitCode, 0, listed.output);
  assertNoFailures(weir);
});

test("the live feed's query and frames take any text or refuse it", async (t) => {
  const url = weir.run.url.replace("http", "ws");
  for (const query of [
    "__proto__=1",
    "constructor=1",
    "unknown=1",
    ...badEncodings.map((bad) => `user_id=${bad}`),
  ]) {
    assert.equal(await refusal(t, `${url}/ws/events?${query}`, weir.adminKey), 400, query);
  }
  const frames = [
    ...unstorable.map((text) => JSON.stringify({ type: "subscribe", filter: { user_id: text } })),
    '{"type":"subscribe","filter":{"__proto__":["x"]}}',
    '{"type":"subscribe","filter":{"constructor":["x"]}}',
    '{"type":"subscribe","__proto__":{},"filter":{}}',
    '{"type":"subscribe","filter":null}',
    '{"__proto__":{"type":"subscribe","filter":{}}}',
    "NaN",
    "[".repeat(10_000),
  ];
  for (const frame of frames) {
    const socket = await openSocket(t, `${url}/ws/events`, weir.adminKey);
    const closed = new Promise<number>((resolve) => socket.once("close", resolve));
    socket.send(frame);
    assert.equal(await closed, 4400, frame.slice(0, 80));
  }
  const socket = await openSocket(t, `${url}/ws/events`, weir.adminKey);
  const subscribed = Promise.withResolvers<void>();
  let answers = 0;
  socket.on("message", (data) => {
    if (String(data).includes('"subscribed"') && ++answers === 15) subscribed.resolve();
  });
  for (const text of strings.filter((one) => one.length <= 200).slice(0, 15)) {
    socket.send(JSON.stringify({ type: "subscribe", filter: { user_id: text } }));
  }
  await subscribed.promise;
  assertNoFailures(weir);
});

/** The status with which an upgrade is refused. */
function refusal(t: TestContext, url: string, key: string): Promise<number | undefined> {
  const socket = new WebSocket(url, { headers: { "x-api-key": key } });
  t.after(() => socket.terminate());
  return new Promise((resolve, reject) => {
    socket.on("error", reject);
    socket.on("open", () => reject(new Error(`${url} was opened`)));
    socket.on("unexpected-response", (_, response) => resolve(response.statusCode));
  });
}

async function openSocket(t: TestContext, url: string, key: string): Promise<WebSocket> {
  const socket = new WebSocket(url, { headers: { "x-api-key": key } });
  t.after(() => socket.terminate());
  await new Promise((resolve, reject) => {
    socket.once("open", resolve);
    socket.once("error", reject);
  });
  return socket;
}
