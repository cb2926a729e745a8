import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { createTestDatabase, type TestDatabase } from "../../../../testing/database.ts";
import { until } from "../../../../testing/until.ts";
import { MemoryCache } from "../../adapters/cache/memory-cache.ts";
import type { Cache } from "../../core/ports/cache.ts";
import type { Queryable } from "../../core/ports/database.ts";
import { AnswerCache, type AnswerCacheOptions } from "./answer-cache.ts";

const idle = new AbortController().signal;

async function setUp(t: TestContext, changes: Partial<AnswerCacheOptions> = {}) {
  const database = await createTestDatabase(t);
  await database.owner.query({
    text: `insert into log.readers (name, position, read_at) values ('windows', '1:1:', now())
           on conflict do nothing`,
  });
  const memory = new MemoryCache({ maxBytes: 1_000_000, monotonic: () => performance.now() });
  const open = (more: Partial<AnswerCacheOptions> = {}) =>
    new AnswerCache({
      ...{ cache: memory, database: database.app, version: "1", maxAgeMs: () => 60_000 },
      ...{ maxBytes: 10_000, random: () => 0, onAnswer() {}, ...changes, ...more },
    });
  return { database, memory, open, answers: open() };
}

/** Answers with the number of the computation. */
function counting() {
  let computed = 0;
  return async () => {
    computed++;
    return { computed };
  };
}

/** As a step of the ETL that has folded events. */
async function moveWindows({ owner }: TestDatabase): Promise<void> {
  await owner.query({
    text: "update log.readers set position = pg_current_snapshot(), events = events + 1 where name = 'windows'",
  });
}

async function answerAfterMove(t: TestContext, mark?: Queryable): Promise<number> {
  const { database, open } = await setUp(t);
  const answers = open(mark === undefined ? {} : { database: mark });
  const asked = { question: ["overview"], signal: idle, compute: counting() };
  const first = await answers.answer(asked);
  const second = await answers.answer(asked);
  assert.deepEqual([first.state, second.state], ["miss", "hit"]);
  assert.deepEqual(second.answer, first.answer);
  await moveWindows(database);
  return (await answers.answer(asked)).answer.computed;
}

test("an answer is used until the windows have moved, and not after", async (t) => {
  assert.equal(await answerAfterMove(t), 2);
});

test("control: a key without the position of the windows hides what is new", async (t) => {
  const blind: Queryable = { query: async () => [] };
  assert.equal(await answerAfterMove(t, blind), 1);
});

test("different questions and versions have different answers", async (t) => {
  const { open, answers } = await setUp(t);
  const compute = counting();
  const ask = (by: AnswerCache, question: readonly unknown[]) =>
    by.answer({ question, signal: idle, compute }).then(({ answer }) => answer.computed);
  assert.equal(await ask(answers, ["series", { metric: "events" }]), 1);
  assert.equal(await ask(answers, ["series", { metric: "users" }]), 2);
  assert.equal(await ask(open({ version: "2" }), ["series", { metric: "users" }]), 3);
  assert.equal(await ask(answers, ["series", { metric: "events" }]), 1);
});

test("an answer is not used when it is too old", async (t) => {
  const { answers } = await setUp(t, { maxAgeMs: () => 50 });
  const asked = { question: ["overview"], signal: idle, compute: counting() };
  await answers.answer(asked);
  await until(async () => (await answers.answer(asked)).answer.computed > 1, {
    what: "the answer to expire",
  });
});

test("requests for one answer share one computation, in a process and between processes", async (t) => {
  const { answers, open } = await setUp(t);
  const started = Promise.withResolvers<void>();
  let computed = 0;
  const compute = async () => {
    computed++;
    await started.promise;
    return { computed };
  };
  const asked = { question: ["overview"], signal: idle, compute };
  const other = open();
  const all = [answers, answers, other, other, answers].map((by) => by.answer(asked));
  await until(() => computed > 0, { what: "the computation" });
  started.resolve();
  const found = await Promise.all(all);
  assert.equal(computed, 1);
  assert.deepEqual(found.map(({ state }) => state).toSorted(), [
    "hit",
    "hit",
    "hit",
    "hit",
    "miss",
  ]);
});

test("a request that leaves does not end the computation of the others; the last one does", async (t) => {
  const { database, open } = await setUp(t);
  let marks = 0;
  const answers = open({
    database: {
      async query(statement, options) {
        const rows = await database.app.query(statement, options);
        marks++;
        return rows as never;
      },
    },
  });
  const finish = Promise.withResolvers<void>();
  let stopped = 0;
  let running = 0;
  const compute = async (signal: AbortSignal) => {
    running++;
    const left = Promise.withResolvers<never>();
    signal.addEventListener("abort", () => {
      stopped++;
      left.reject(signal.reason);
    });
    await Promise.race([finish.promise, left.promise]);
    return {};
  };
  const [one, other] = [new AbortController(), new AbortController()];
  const ask = (by: AbortController) =>
    answers.answer({ question: ["overview"], signal: by.signal, compute });
  const leaving = ask(one);
  const staying = ask(other);
  await until(() => running === 1 && marks === 2, { what: "the computation" });
  one.abort(new Error("left"));
  await assert.rejects(leaving, /left/);
  assert.equal(stopped, 0);
  other.abort(new Error("left too"));
  await assert.rejects(staying, /left too/);
  assert.equal(stopped, 1);
  const again = ask(new AbortController());
  await until(() => running === 2, { what: "a computation of its own" });
  finish.resolve();
  assert.equal((await again).state, "miss");
});

test("a failure reaches all who wait, and is not kept", async (t) => {
  const { answers } = await setUp(t);
  const failing = {
    question: ["overview"],
    signal: idle,
    compute: () => Promise.reject(new Error("no")),
  };
  const both = await Promise.allSettled([answers.answer(failing), answers.answer(failing)]);
  assert.deepEqual(
    both.map(({ status }) => status),
    ["rejected", "rejected"],
  );
  const asked = { question: ["overview"], signal: idle, compute: counting() };
  assert.equal((await answers.answer(asked)).state, "miss");
});

test("large answers, a store that is down and damaged values cost a computation and nothing else", async (t) => {
  const { answers, memory, open } = await setUp(t);
  const large = async () => ({ text: "x".repeat(10_000) });
  const ask = (by: AnswerCache, compute: () => Promise<object>) =>
    by.answer({ question: ["overview"], signal: idle, compute });
  assert.equal((await ask(answers, large)).state, "bypass");
  const down: Cache = {
    isUp: false,
    get: async () => undefined,
    set: async () => {},
    claim: async () => async () => {},
  };
  assert.equal((await ask(open({ cache: down }), counting())).state, "bypass");
  const damaged: Cache = {
    isUp: true,
    get: async () => Buffer.from('{"cut'),
    set: (key, value, ttlMs) => memory.set(key, value, ttlMs),
    claim: (key, ttlMs) => memory.claim(key, ttlMs),
  };
  assert.deepEqual((await ask(open({ cache: damaged }), counting())).answer, { computed: 1 });
});
