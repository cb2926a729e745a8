/**
 * JSONTestSuite against every route that takes events: the verdict that the text must get, and what is
 * accepted is stored byte for byte.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { openPool } from "../../src/adapters/postgres/pool.ts";
import { type JsonText, jsonTestSuite } from "../helpers/corpora.ts";
import { hostilePayloads } from "../helpers/hostile.ts";
import { inParallel } from "../helpers/in-parallel.ts";
import { startWeir } from "../helpers/weir.ts";

type Parse = (
  text: string,
  reviver: (name: string, value: unknown, context: { readonly source?: string }) => unknown,
) => unknown;

/**
 * Whether Weir must store a JSON text, decided independently of its scanner: by JSON.parse, and by what
 * the contract refuses beyond it (docs/guides/send-events.md).
 */
function mustStore(text: string): boolean {
  let depth = 0;
  let sound = true;
  const check = (value: unknown, level: number) => {
    depth = Math.max(depth, level);
    if (typeof value === "string") sound &&= value.isWellFormed() && !value.includes("\0");
    if (typeof value !== "object" || value === null) return;
    for (const [name, one] of Object.entries(value)) {
      sound &&= name.isWellFormed() && !name.includes("\0");
      check(one, level + (typeof one === "object" && one !== null ? 1 : 0));
    }
  };
  try {
    const value = (JSON.parse as Parse)(text, (_name, one, { source }) => {
      if (typeof one !== "number" || source === undefined) return one;
      const vanished = one === 0 && /[1-9]/.test(source.replace(/[eE].*/, ""));
      sound &&= Number.isFinite(one) && !vanished && source.length <= 128;
      return one;
    });
    check(value, 1);
  } catch {
    return false;
  }
  return sound && depth <= 64;
}

interface EntryPoint {
  readonly name: string;
  readonly path: string;
  readonly type: string;
  /** The event around a JSON text, and the bytes of it that are stored. */
  readonly event: (id: string, text: string) => string;
  readonly body: (event: string) => string;
  /** One of these answers means that the event was stored. */
  readonly stored: (status: number, body: string) => boolean;
}

const asIs = (event: string) => event;
const native = (id: string, text: string) =>
  `{"event_id":"${id}","event_type":"corpus","properties":{"v":${text}}}`;
const segment = (id: string, text: string) =>
  `{"messageId":"${id}","type":"track","event":"corpus","userId":"u","properties":{"v":${text}}}`;
const cloud = (id: string, text: string) =>
  `{"specversion":"1.0","id":"${id}","source":"corpus","type":"corpus","data":{"v":${text}}}`;
const isAccepted = (_status: number, body: string) => body.includes('"verdict":"accepted"');
const isOk = (status: number) => status === 200;

const entryPoints: readonly EntryPoint[] = [
  {
    name: "single",
    path: "/api/events/",
    type: "application/json",
    event: native,
    body: asIs,
    stored: isAccepted,
  },
  {
    name: "batch",
    path: "/api/events/batch",
    type: "application/json",
    event: native,
    body: (event) => `[${event}]`,
    stored: isAccepted,
  },
  {
    name: "lines",
    path: "/api/events/batch",
    type: "application/x-ndjson",
    event: native,
    body: (event) => `${event}\n`,
    stored: isAccepted,
  },
  {
    name: "track",
    path: "/v1/track",
    type: "application/json",
    event: segment,
    body: asIs,
    stored: isOk,
  },
  {
    name: "segment batch",
    path: "/v1/batch",
    type: "application/json",
    event: segment,
    body: (event) => `{"batch":[${event}]}`,
    stored: isAccepted,
  },
  {
    name: "cloudevent",
    path: "/cloudevents",
    type: "application/cloudevents+json",
    event: cloud,
    body: asIs,
    stored: isAccepted,
  },
  {
    name: "cloudevents",
    path: "/cloudevents",
    type: "application/cloudevents-batch+json",
    event: cloud,
    body: (event) => `[${event}]`,
    stored: isAccepted,
  },
];

const suite = jsonTestSuite();
/** What NDJSON cannot hold: an event over several lines. */
const fits = ({ name }: EntryPoint, { text }: JsonText) => name !== "lines" || !/[\r\n]/.test(text);

test("JSONTestSuite: the right verdict by every route, and byte-exact storage", async (t) => {
  assert.ok(suite.length > 300, `${suite.length} texts`);
  const weir = await startWeir(t);
  const send = async (path: string, type: string, body: string) => {
    const response = await fetch(weir.run.url + path, {
      method: "POST",
      headers: { "x-api-key": weir.adminKey, "content-type": type },
      body,
    });
    const text = await response.text();
    assert.ok(response.status < 500, `${path} ${response.status}: ${text}\n${body.slice(0, 300)}`);
    if (response.status >= 400 && !text.startsWith('{"results"')) {
      assert.equal(response.headers.get("content-type"), "application/problem+json; charset=utf-8");
    }
    return { status: response.status, text };
  };
  const expected = new Map<string, string>();
  const wrong: string[] = [];
  for (const entryPoint of entryPoints) {
    const { name, path, type, event, body, stored } = entryPoint;
    await inParallel(suite, async (one, n) => {
      // as the whole body: never stored, as none of them is an event
      const alone = await send(path, type, one.text);
      if (stored(alone.status, alone.text)) wrong.push(`${name}: ${one.name} alone was stored`);
      if (!fits(entryPoint, one)) return;
      const id = `${name} ${n}`;
      const sent = event(id, one.text);
      const answer = await send(path, type, body(sent));
      const must = mustStore(sent);
      if (stored(answer.status, answer.text) !== must) {
        wrong.push(
          `${name}: ${one.name} ${must ? "must be stored" : "must be refused"}: ${answer.text}`,
        );
      }
      if (must) expected.set(id, sent);
      if (one.name.startsWith("n_")) assert.ok(!must, `${one.name} is no JSON`);
    });
  }
  assert.deepEqual(wrong, []);
  assert.ok(expected.size > 700, `${expected.size} events`);
  await using pool = openPool({ url: weir.run.database_url, applicationName: "test", max: 1 });
  const rows = await pool.query<{ event_ref: string; payload: string }>({
    text: "select event_ref, payload from raw.events",
  });
  const kept = new Map(rows.map((row) => [row.event_ref.replace(/^corpus /, ""), row.payload]));
  assert.equal(kept.size, expected.size, "nothing else is stored");
  for (const [id, sent] of expected) assert.equal(kept.get(id), sent, id);
});

test("JSONTestSuite and the hostile payloads as administrative bodies: refused with a reason", async (t) => {
  const weir = await startWeir(t);
  const texts = [
    ...suite.map(({ text }) => Buffer.from(text)),
    ...hostilePayloads.map(({ bytes }) => bytes),
  ];
  const routes = [
    ["POST", "/api/services"],
    ["PATCH", "/api/services/none"],
    ["POST", "/api/keys"],
    ["PUT", "/api/roles"],
    ["POST", "/api/permissions"],
    ["POST", "/api/session"],
    ["POST", "/api/search"],
    ["POST", "/api/windows/rerun"],
    ["POST", "/api/dlq/discard"],
    ["POST", "/api/dlq/replays"],
  ] as const;
  for (const [method, path] of routes) {
    await inParallel(texts, async (body) => {
      const response = await fetch(weir.run.url + path, {
        method,
        headers: { "x-api-key": weir.adminKey, "content-type": "application/json" },
        body: new Uint8Array(body),
      });
      const text = await response.text();
      const about = `${method} ${path} ${text}: ${body.subarray(0, 200)}`;
      assert.ok([400, 404, 413, 422, 429].includes(response.status), `${response.status} ${about}`);
      const problem = JSON.parse(text);
      assert.ok(problem.detail.length > 5, about);
      assert.doesNotMatch(problem.detail, /the database cannot hold/, `checked too late: ${about}`);
    });
  }
});
