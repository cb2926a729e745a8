/** Intake with a real broker: every format, the same verdicts as HTTP, dead letters, replay. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { isDeepStrictEqual } from "node:util";
import { requireServers } from "../../../../testing/servers/required-servers.ts";
import { until } from "../../../../testing/until.ts";
import { runCommand } from "../../helpers/weir.ts";
import {
  type IntakeStage,
  intakeEnvironment,
  readTopic,
  type SentMessage,
  startIntake,
} from "./intake-stage.ts";

const ce = { ce_specversion: "1.0", ce_source: "/s", ce_type: "t" };
const structured = { "content-type": "application/cloudevents+json" };
const json = { "content-type": "application/json" };

/** What is sent by both ways: `name` is the event's id, which differs between the two ways. */
const inputs: readonly (readonly [name: string, path: string, SentMessage])[] = [
  ["native", "/api/events/", { value: '{"event_type":"x","event_id":"ID"}' }],
  ["spaces", "/api/events/", { value: ' {"event_type" : "x",\n"event_id":"ID"} ' }],
  ["bom", "/api/events/", { value: '\ufeff{"event_type":"x","event_id":"ID"}' }],
  [
    "long number",
    "/api/events/",
    { value: '{"event_type":"x","event_id":"ID","properties":{"n":1234567890.12345678901}}' },
  ],
  [
    "money",
    "/api/events/",
    {
      value:
        '{"event_type":"purchase","event_id":"ID","product":{"id":"p","price":12.9,"currency":"TRY"}}',
    },
  ],
  [
    "bad money",
    "/api/events/",
    {
      value:
        '{"event_type":"purchase","event_id":"ID","product":{"id":"p","price":1e400,"currency":"TRY"}}',
    },
  ],
  ["array", "/api/events/", { value: '[{"event_type":"x","event_id":"ID"}]' }],
  ["wrapped", "/api/events/", { value: '{"events":[{"event_type":"x","event_id":"ID"}]}' }],
  ["two", "/api/events/", { value: '{"event_type":"x","event_id":"ID"}{}' }],
  ["empty", "/api/events/", { value: "" }],
  ["unknown member", "/api/events/", { value: '{"event_type":"x","event_id":"ID","extra":1}' }],
  ["no type", "/api/events/", { value: '{"event_id":"ID"}' }],
  [
    "far future",
    "/api/events/",
    { value: '{"event_type":"x","event_id":"ID","timestamp":"2999-01-01T00:00:00Z"}' },
  ],
  [
    "no offset",
    "/api/events/",
    { value: '{"event_type":"x","event_id":"ID","timestamp":"2024-01-01T00:00:00"}' },
  ],
  [
    "nul",
    "/api/events/",
    { value: '{"event_type":"x","event_id":"ID","properties":{"a":"\\u0000"}}' },
  ],
  [
    "surrogate",
    "/api/events/",
    { value: '{"event_type":"x","event_id":"ID","properties":{"a":"\\ud800"}}' },
  ],
  [
    "not UTF-8",
    "/api/events/",
    { value: Buffer.from('{"event_type":"\xff","event_id":"ID"}', "latin1") },
  ],
  [
    "deep",
    "/api/events/",
    {
      value: `{"event_type":"x","event_id":"ID","properties":{"a":${"[".repeat(100)}${"]".repeat(100)}}}`,
    },
  ],
  [
    "large",
    "/api/events/",
    { value: `{"event_type":"x","event_id":"ID","properties":{"a":"${"x".repeat(70_000)}"}}` },
  ],
  [
    "structured",
    "/cloudevents",
    {
      value: '{"specversion":"1.0","id":"ID","source":"/s","type":"t","data":{"user_id":"u"}}',
      headers: structured,
    },
  ],
  [
    "structured, wrong version",
    "/cloudevents",
    { value: '{"specversion":"0.3","id":"ID","source":"/s","type":"t"}', headers: structured },
  ],
  [
    "binary",
    "/cloudevents",
    { value: '{"user_id":"u"}', headers: { ...ce, ce_id: "ID", ...json } },
  ],
  [
    "binary text",
    "/cloudevents",
    { value: "hello", headers: { ...ce, ce_id: "ID", "content-type": "text/plain" } },
  ],
  ["binary, bad data", "/cloudevents", { value: "{", headers: { ...ce, ce_id: "ID", ...json } }],
  [
    "binary, no source",
    "/cloudevents",
    { value: "1", headers: { ce_specversion: "1.0", ce_type: "t", ce_id: "ID", ...json } },
  ],
];

function withId(message: SentMessage, id: string): SentMessage {
  const { value, headers } = message;
  const bytes = Buffer.from(value ?? "")
    .toString("latin1")
    .replaceAll("ID", id);
  return {
    value: Buffer.from(bytes, "latin1"),
    headers: Object.fromEntries(
      Object.entries(headers ?? {}).map(([name, text]) => [
        name,
        String(text).replaceAll("ID", id),
      ]),
    ),
  };
}

interface Verdict {
  readonly verdict: string;
  readonly code?: string;
  readonly detail?: string;
}

test(
  "the same input by HTTP and by Kafka gets the same verdict, code and stored bytes",
  await requireServers("kafka"),
  async (t) => {
    const stage = await startIntake(t);
    const { weir, database, key } = stage;

    async function byHttp(path: string, { value, headers = {} }: SentMessage): Promise<Verdict> {
      const http = Object.entries(headers).map(([name, text]) => [
        name.replace(/^ce_/, "ce-"),
        String(text),
      ]);
      const response = await fetch(weir.run.url + path, {
        method: "POST",
        headers: {
          "content-type": "application/json",
          "x-api-key": key,
          ...Object.fromEntries(http),
        },
        body: value as Buffer,
      });
      const answer = (await response.json()) as Verdict;
      return response.status === 202 ? answer : { ...answer, verdict: "refused" };
    }

    const sent = inputs.map(([name, path, message], n) => ({
      ...{ name, path, n },
      http: withId(message, `h-${n}`),
      kafka: withId(message, `k-${n}`),
    }));
    const answers = new Map<number, Verdict>();
    for (const { n, path, http } of sent) answers.set(n, await byHttp(path, http));
    await stage.send(sent.map(({ kafka }) => kafka));
    const refused = [...answers.values()].filter(({ verdict }) => verdict === "refused").length;
    await until(
      async () =>
        (await stage.letters()).length === refused &&
        (await stage.count()) === 2 * (inputs.length - refused),
      { what: () => `every message to be stored or a dead letter:\n${weir.output()}` },
    );
    const letters = await stage.letters();
    for (const { name, n, kafka } of sent) {
      const answer = answers.get(n) as Verdict;
      const letter = letters.find(({ original }) => original.equals(kafka.value as Buffer));
      const [http, mine] = await Promise.all(["h", "k"].map((by) => storedBytes(`${by}-${n}`)));
      if (answer.verdict === "refused") {
        assert.equal(letter?.reason, answer.code, name);
        assert.equal(letter?.error, answer.detail?.replaceAll(`h-${n}`, `k-${n}`), name);
        assert.equal(letter?.source.service, "admin", name);
        assert.equal(mine, undefined, name);
      } else {
        assert.equal(letter, undefined, `${name}: ${letter?.error}`);
        assert.equal(mine, http?.replaceAll(`h-${n}`, `k-${n}`), name);
      }
    }

    async function storedBytes(id: string): Promise<string | undefined> {
      const [row] = await database.query<{ payload: string }>({
        text: "select payload::text as payload from raw.events where event_ref = any ($1)",
        values: [[id, `/s ${id}`]],
      });
      return row?.payload;
    }

    const copies = await readTopic(t, stage.kafka.brokers, {
      topic: "raw_data.dlq",
      count: refused,
    });
    assert.deepEqual(
      copies.map(({ headers }) => headers["weir-dlq-reason"]).sort(),
      letters.map(({ reason }) => reason).sort(),
    );
    assert.ok(copies.every(({ headers }) => headers["weir-key"] === undefined));

    await t.test(
      "an edited dead letter is replayed once, and a revoked key stops within 1 s",
      async () => {
        await replaysAndRevokes(stage);
      },
    );
    await t.test("copies in the topic are sent again, twice, and stored once", async () => {
      await replaysFromTopic(stage);
    });
  },
);

async function replaysAndRevokes(stage: IntakeStage): Promise<void> {
  const { weir, key } = stage;
  const api = async (method: string, path: string, body?: unknown) => {
    const response = await fetch(weir.run.url + path, {
      method,
      headers: { "content-type": "application/json", "x-api-key": key },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const answer = (await response.json()) as Record<string, string>;
    assert.ok(response.ok, `${path}: ${JSON.stringify(answer)}`);
    return answer;
  };
  const letter = (await stage.letters()).find(({ original }) => original.includes("}{}"));
  const id = letter?.id ?? "";
  const before = await stage.count();
  await api("PUT", `/api/dlq/letters/${id}/edition`, { event_type: "x", event_id: "edited" });
  const state = async () => (await stage.letters()).find((one) => one.id === id)?.state;
  await api("POST", "/api/dlq/replays", { filter: { ids: [id] } });
  await until(async () => (await state()) === "resolved", { what: () => weir.output() });
  assert.equal(await stage.count(), before + 1);
  assert.ok((await stage.storedIds()).includes("edited"));

  await api("POST", "/api/services", { name: "shop", role: "service" });
  const made = await api("POST", "/api/keys", { service: "shop" });
  const send = (event: string) =>
    stage.send([
      {
        value: JSON.stringify({ event_type: "x", event_id: event }),
        headers: { "weir-key": made["secret_key"] ?? "" },
      },
    ]);
  await send("with the key");
  await until(async () => (await stage.storedIds()).includes("with the key"), {
    what: "the event of the new key",
  });
  await api("POST", `/api/keys/${made["id"]}/revoke`);
  await delay(1_000);
  await send("after it was revoked");
  await until(async () => (await stage.letters()).some(({ reason }) => reason === "key_revoked"), {
    what: "the dead letter of the revoked key",
  });
  // a process publishes its metrics every few seconds
  await until(
    async () => {
      const lines = await metricLines(weir.run.url, key);
      return (
        /weir_intake_messages_total\{[^}]*verdict="accepted"[^}]*\} \d/.test(lines) &&
        /weir_intake_lag_messages\{[^}]*partition="0"[^}]*\} 0/.test(lines)
      );
    },
    { what: "the metrics of intake" },
  );
  const lag = Object.fromEntries(Array.from({ length: 6 }, (_, n) => [n, 0]));
  await until(
    async () => {
      const { checks } = (await api("GET", "/health/kafka")) as unknown as KafkaHealth;
      return isDeepStrictEqual(checks.kafka.facts?.intake, {
        topic: "raw_data",
        group: "weir-intake",
        lag,
      });
    },
    { what: "health to show that nothing is left" },
  );
}

interface KafkaHealth {
  readonly checks: { readonly kafka: { readonly facts?: { readonly intake: unknown } } };
}

/** Copies of messages whose sender was unknown, sent again with a key: each event is stored once, also without an id. */
async function replaysFromTopic({ weir, kafka, send, letters, storedIds, count }: IntakeStage) {
  const headers = { "weir-key": "weir_test_nonsense" };
  await send([
    { value: '{"event_type":"x","event_id":"from the topic"}', headers },
    { value: '{"event_type":"x"}', headers },
  ]);
  const malformed = async () =>
    (await letters()).filter(({ reason }) => reason === "key_malformed").length;
  await until(async () => (await malformed()) === 2, { what: "two dead letters" });
  const before = await count();
  const replay = () =>
    runCommand(
      [
        ...["--json", "--data", weir.dataDir, "intake", "replay-dlq"],
        ...["--key-file", weir.run.keys.admin ?? "", "--reason", "key_malformed"],
      ],
      intakeEnvironment(kafka),
    );
  for (let n = 0; n < 2; n++) {
    const { stdout, output } = await replay();
    assert.equal((JSON.parse(stdout) as { sent: number }).sent, 2, output);
  }
  await send([{ value: '{"event_type":"x","event_id":"after the replays"}' }]);
  await until(
    async () => {
      const ids = await storedIds();
      return ids.includes("from the topic") && ids.includes("after the replays");
    },
    { what: "the events of the topic" },
  );
  await until(async () => (await count()) === before + 3, { what: "three events" });
}

async function metricLines(url: string, key: string): Promise<string> {
  const wanted = /weir_intake_dead_letters_total\{[^}]*reason="key_revoked"[^}]*\} 1/;
  return until(
    async () => {
      const response = await fetch(`${url}/metrics`, { headers: { "x-api-key": key } });
      const text = await response.text();
      return wanted.test(text) && text;
    },
    { what: "the metrics of intake" },
  );
}
