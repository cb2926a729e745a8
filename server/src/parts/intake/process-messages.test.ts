import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { createTestAuth, type TestAuth } from "../../../test/helpers/auth.ts";
import { requestAs } from "../../../test/helpers/erasure.ts";
import { createTestIngest, type TestIngestOptions } from "../../../test/helpers/ingest.ts";
import { BrokerError } from "../../core/ports/broker.ts";
import { DatabaseError } from "../../core/ports/database.ts";
import type { Message, OutgoingMessage } from "../../core/ports/messages.ts";
import { updateService } from "../auth/services.ts";
import { createAcceptor } from "../ingest/acceptor.ts";
import { createRawLog } from "../ingest/raw-log.ts";
import { createDeadMessages } from "./dead-messages.ts";
import type { IntakeObserver, PrincipalMapping } from "./ports.ts";
import { createProcess } from "./process-messages.ts";
import { createReplayer } from "./replay.ts";

const topicId = "0b0e0000-0000-4000-8000-000000000001";
let nextOffset = 0n;

function message(
  value: string | Buffer | null,
  headers: readonly (readonly [string, string])[] = [],
): Message {
  return {
    ...{ topic: "raw_data", topicId, partition: 1, offset: nextOffset++, timestamp: 1e12 },
    key: Buffer.from("key"),
    value: typeof value === "string" ? Buffer.from(value) : value,
    headers: headers.map(([name, text]) => [Buffer.from(name), Buffer.from(text)]),
  };
}

interface Stage {
  readonly auth: TestAuth;
  readonly key: string;
  readonly copies: OutgoingMessage[];
  readonly reports: string[];
  process(messages: readonly Message[], signal?: AbortSignal): Promise<void>;
  event(fields: Readonly<Record<string, unknown>>): Message;
  letters(): Promise<Letter[]>;
  stored(): Promise<string[]>;
  replay(letter: Letter, edited?: string): Promise<unknown>;
}

interface Letter {
  readonly reason: string;
  readonly source_key: string;
  readonly source: { readonly service: string | null; readonly headers: unknown[] };
  readonly original: Buffer;
  readonly user_key: string | null;
  readonly attempts: number;
}

async function createStage(
  t: TestContext,
  options: {
    readonly ingest?: (auth: TestAuth) => Partial<TestIngestOptions>;
    readonly principals?: PrincipalMapping;
    readonly send?: () => Promise<void>;
  } = {},
): Promise<Stage> {
  const auth = await createTestAuth(t);
  const { secret_key: key } = await auth.service("shop", "service");
  const directory = await auth.directory();
  const { ingest } = createTestIngest(t, {
    database: auth.ingest,
    ...options.ingest?.(auth),
  });
  const acceptor = createAcceptor(ingest.context);
  const copies: OutgoingMessage[] = [];
  const reports: string[] = [];
  const report =
    (name: string) =>
    (...about: unknown[]) =>
      void reports.push(
        `${name} ${about.filter((one) => typeof one !== "object").join(" ")}`.trim(),
      );
  const observer: IntakeObserver = {
    message: report("message"),
    deadLetter: report("dead"),
    erased: (count) => (count > 0 ? report("erased")(count) : undefined),
    waits: report("waits"),
    continues() {},
    copyFailed: report("copy failed"),
    failure: report("failure"),
  };
  const sender = {
    senders: {
      authenticate: (text: string) => directory.authenticate(text),
      service: (name: string) => directory.service(name),
    },
    principals: () => options.principals ?? { header: null, services: {} },
  };
  const dead = createDeadMessages({
    database: auth.app,
    sink: {
      async send(messages) {
        await options.send?.();
        copies.push(...messages);
      },
    },
    topic: "raw_data.dlq",
    observer,
    now: () => 0,
  });
  const handle = createProcess({ ...sender, acceptor, dead, observer, isDown: () => false });
  const replayer = createReplayer({ ...sender, acceptor });
  return {
    ...{ auth, key, copies, reports },
    async process(messages, signal = new AbortController().signal) {
      await directory.refresh();
      await handle(messages, signal);
    },
    event: (fields) =>
      message(JSON.stringify({ event_type: "product.view", ...fields }), [["weir-key", key]]),
    letters: () =>
      auth.app.query<Letter>({
        text: `select reason, source_key, source, original, user_key, attempts from dlq.letters
               where part = 'intake' order by id`,
      }),
    async stored() {
      const rows = await auth.owner.query<{ payload: string }>({
        text: "select payload::text as payload from raw.events order by payload::text",
      });
      return rows.map(({ payload }) => payload);
    },
    replay: (letter, edited) =>
      replayer.replay(auth.app, {
        ...letter,
        edited: edited === undefined ? null : Buffer.from(edited),
      }),
  };
}

test("events are stored once, and each bad message is a dead letter with its bytes, key and reason", async (t) => {
  const { process, event, letters, stored, copies, key } = await createStage(t);
  const bytes = Buffer.from([0xff, 0x00, 0x7b]);
  const batch = [
    event({ event_id: "a" }),
    message(bytes, [["weir-key", key]]),
    event({ event_id: "a" }),
    event({ event_id: "a", user_id: "u1" }),
    event({ wrong: 1, user_id: "u2" }),
    message("{}"),
    message("{}", [["weir-key", "weir_test_nonsense"]]),
    message("{}", [
      ["weir-key", key],
      ["weir-key", key],
    ]),
    message("x", [
      ["weir-key", key],
      ["content-type", "text/plain"],
    ]),
    event({ event_id: "b" }),
  ];
  await process(batch);
  const [a, b] = await stored();
  assert.deepEqual([a, b], [String(batch[0]?.value), String(batch[9]?.value)]);
  const found = await letters();
  assert.deepEqual(
    found.map(({ reason, source, user_key }) => [reason, source.service, user_key]).sort(),
    [
      ["conflict", "shop", "u1"],
      ["invalid_event", "shop", "u2"],
      ["key_malformed", null, null],
      ["malformed_json", "shop", null],
      ["unauthenticated", null, null],
      ["unauthenticated", null, null],
      ["unsupported_media_type", "shop", null],
    ],
  );
  const malformed = found.find(({ reason }) => reason === "malformed_json");
  assert.deepEqual(malformed?.original, bytes);
  assert.equal(malformed?.source_key, `${topicId}/1/${batch[1]?.offset}`);
  assert.ok(!JSON.stringify(found).includes(key), "a dead letter holds no API key");
  assert.equal(copies.length, 7);
  const copy = copies.find(({ value }) => value?.equals(bytes));
  const headers = copy?.headers.map(([name, text]) => `${name}=${text}`) ?? [];
  assert.deepEqual(copy?.key, Buffer.from("key"));
  assert.ok(headers.includes("weir-dlq-reason=malformed_json"), headers.join());
  assert.ok(headers.includes("weir-dlq-partition=1"), headers.join());
  assert.ok(!headers.some((text) => text.includes(key)), "nor does its copy");
});

test("messages that are read again change nothing, with an id or without one", async (t) => {
  const { process, event, letters, stored } = await createStage(t);
  const batch = [event({ event_id: "a" }), event({}), event({}), event({ wrong: 1 })];
  await process(batch);
  await process(batch);
  assert.equal((await stored()).length, 3);
  const [letter, ...others] = await letters();
  assert.deepEqual([letter?.attempts, others.length], [2, 0]);
});

test("a revoked permission and a disabled service make dead letters; the mapping of principals needs no key", async (t) => {
  const principals = { header: "principal", services: { "User:p": "shop" } };
  const { process, event, letters, stored, auth } = await createStage(t, { principals });
  const native = '{"event_type":"x"}';
  await process([
    message(native, [["principal", "User:p"]]),
    message(native, [["principal", "User:other"]]),
    message(native, [
      ["principal", "User:p"],
      ["principal", "User:p"],
    ]),
    message('{"event_type":"x","service":"shop"}'),
  ]);
  assert.equal((await stored()).length, 1);
  await updateService(auth.administration, "shop", { disabled: true });
  await process([event({}), message(native, [["principal", "User:p"]])]);
  assert.deepEqual(
    (await letters()).map(({ reason }) => reason),
    ["unauthenticated", "unauthenticated", "unauthenticated", "key_revoked", "key_revoked"],
  );
  assert.equal((await stored()).length, 1);
});

test("a rate limit makes messages wait, and drops none", async (t) => {
  const ratePolicy = { eventsPerSecond: 4, burstEvents: 3 };
  const { process, event, stored, reports } = await createStage(t, {
    ingest: () => ({ ratePolicy }),
  });
  await process(Array.from({ length: 7 }, (_, n) => event({ event_id: `e${n}` })));
  assert.equal((await stored()).length, 7);
  assert.ok(
    reports.some((line) => line.startsWith("waits rate_limited")),
    reports.join(),
  );
});

test("what cannot be stored is tried again until it is", async (t) => {
  let failures = 3;
  const failing = ({ ingest: database }: TestAuth) => {
    const log = createRawLog({ database, timeoutMs: 30_000 });
    const down = new DatabaseError("down", { code: "connection", retryable: true });
    return {
      log: {
        ...log,
        append: (group: Parameters<typeof log.append>[0]) =>
          failures-- > 0 ? Promise.reject(down) : log.append(group),
      },
    };
  };
  const { process, event, stored, letters, reports } = await createStage(t, { ingest: failing });
  await process([event({ event_id: "late" }), event({ wrong: 1 })]);
  assert.deepEqual([(await stored()).length, (await letters()).length], [1, 1]);
  assert.ok(reports.includes("waits retry unavailable"), reports.join());
});

test("a partition that is lost while its messages wait ends with an error, and stores none of them later", async (t) => {
  const ratePolicy = { eventsPerSecond: 1, burstEvents: 1 };
  const { process, event, stored } = await createStage(t, { ingest: () => ({ ratePolicy }) });
  const lost = new AbortController();
  const waiting = process([event({}), event({}), event({})], lost.signal);
  setTimeout(() => lost.abort(), 50);
  await assert.rejects(waiting, /was lost/);
  assert.deepEqual(await stored(), []);
});

test("nothing is kept of a blocked user: no event, no dead letter, no copy", async (t) => {
  const { process, event, letters, stored, copies, reports, auth } = await createStage(t);
  await requestAs(auth, "gone", "block");
  await process([
    event({ user_id: "gone" }),
    event({ user_id: "gone", wrong: 1 }),
    event({ user_id: "here", wrong: 1 }),
  ]);
  assert.deepEqual(await stored(), []);
  assert.deepEqual(
    (await letters()).map(({ user_key }) => user_key),
    ["here"],
  );
  assert.equal(copies.length, 1);
  assert.ok(reports.includes("erased 2"), reports.join());
});

test("a copy that the broker refuses for good is skipped; one that it cannot take now is tried again", async (t) => {
  const errors = [
    new BrokerError("down", { code: "unavailable" }),
    new BrokerError("too large", { code: "too_large" }),
  ];
  const send = async () => {
    const error = errors.shift();
    if (error !== undefined) throw error;
  };
  const { process, event, letters, copies, reports } = await createStage(t, { send });
  await process([event({ wrong: 1 })]);
  assert.deepEqual([(await letters()).length, copies.length, errors.length], [1, 0, 0]);
  assert.ok(reports.includes("copy failed"), reports.join());
  assert.equal((await letters())[0]?.attempts, 1, "the dead letter is added once");
});

test("an edited dead letter is accepted once, as the service that sent it", async (t) => {
  const { process, event, letters, stored, replay } = await createStage(t);
  await process([event({ wrong: 1 }), message("{}")]);
  const kept = await letters();
  const mine = kept.find(({ source }) => source.service === "shop");
  const unknown = kept.find(({ source }) => source.service === null);
  assert.ok(mine !== undefined && unknown !== undefined);
  assert.equal(((await replay(mine)) as { reason: string }).reason, "invalid_event");
  const edited = '{"event_type":"product.view","user_id":"u1"}';
  assert.deepEqual(await replay(mine, edited), { ok: true });
  assert.deepEqual(await replay(mine, edited), { ok: true });
  assert.deepEqual(await stored(), [edited]);
  assert.equal(((await replay(unknown, edited)) as { reason: string }).reason, "unauthenticated");
});
