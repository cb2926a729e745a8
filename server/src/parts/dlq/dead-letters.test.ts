import assert from "node:assert/strict";
import { test } from "node:test";
import { createTestDatabase, type TestDatabase } from "../../../../testing/database.ts";
import { addDeadLetter } from "../../../test/helpers/dead-letters.ts";
import { WeirError } from "../../core/errors.ts";
import { writeAudit } from "../auth/administration.ts";
import { discardDeadLetters, editDeadLetter } from "./change-dead-letters.ts";
import {
  countDeadLetters,
  groupDeadLetters,
  listDeadLetters,
  readDeadLetter,
} from "./dead-letters.ts";
import type { Change } from "./ports.ts";
import { requestReplay } from "./replays.ts";

const by = (database: TestDatabase): Change => ({
  database: database.app,
  actor: "ops/key",
  audit: writeAudit,
});
const code = (wanted: string) => (error: unknown) =>
  error instanceof WeirError && error.code === wanted;

test("an event that fails again is the same dead letter, open, with one attempt more", async (t) => {
  const { app } = await createTestDatabase(t);
  const id = await addDeadLetter(app, { key: "1/a", original: "first", userKey: "u1" });
  for (const state of ["resolved", "discarded"]) {
    await app.query({
      text: "update dlq.letters set state = $2, resolved_at = now() where id = $1",
      values: [id, state],
    });
    const again = { key: "1/a", reason: "poison", error: "x".repeat(9_000), original: "other" };
    assert.equal(await addDeadLetter(app, again), id);
  }
  const letter = await readDeadLetter(app, id);
  assert.deepEqual(
    [letter.state, letter.attempts, letter.reason, letter.error.length, letter.resolved_at],
    ["open", 3, "poison", 4_000, null],
  );
  assert.deepEqual(letter.original, { encoding: "utf8", data: "first" });
  assert.notEqual(await addDeadLetter(app, { part: "other", key: "1/a" }), id);
});

test("a dead letter of a transaction that is rolled back does not exist", async (t) => {
  const { app } = await createTestDatabase(t);
  const gone = app.transaction(async (connection) => {
    await addDeadLetter(connection, { key: "k" });
    throw new Error("rolled back");
  });
  await assert.rejects(gone, /rolled back/);
  assert.deepEqual((await listDeadLetters(app, {}, { limit: 10 })).letters, []);
});

test("pages and filters show each dead letter once, most recent failure first", async (t) => {
  const { app } = await createTestDatabase(t);
  const ids: string[] = [];
  for (let n = 0; n < 7; n++) {
    ids.push(
      await addDeadLetter(app, {
        key: `k${n}`,
        part: n % 2 === 0 ? "stream" : "intake",
        reason: n < 4 ? "poison" : "unreadable",
        error: n === 5 ? "Strange Thing" : "plain",
      }),
    );
  }
  // these have the same instant: the id decides
  await app.query({
    text: "update dlq.letters set last_at = now() - interval '1 hour' where reason = 'poison'",
  });
  const seen: string[] = [];
  let cursor: string | undefined;
  do {
    const page = await listDeadLetters(
      app,
      {},
      { limit: 2, ...(cursor === undefined ? {} : { cursor }) },
    );
    seen.push(...page.letters.map(({ id }) => id));
    cursor = page.next_cursor ?? undefined;
  } while (cursor !== undefined);
  assert.deepEqual(seen, [...ids].reverse());

  const found = async (filter: Parameters<typeof listDeadLetters>[1]) =>
    (await listDeadLetters(app, filter, { limit: 10 })).letters.map(({ source_key }) => source_key);
  assert.deepEqual(await found({ part: "intake", reason: "poison" }), ["k3", "k1"]);
  assert.deepEqual(await found({ text: "strange" }), ["k5"]);
  assert.deepEqual(await found({ text: '"key":"k2"' }), ["k2"]);
  assert.deepEqual(await found({ state: "resolved" }), []);
  assert.deepEqual(await found({ ids: [ids[4] ?? ""] }), ["k4"]);
  const limit = new Date(Date.now() - 1_800_000).toISOString();
  assert.deepEqual(await found({ since: limit }), ["k6", "k5", "k4"]);
  assert.equal(await countDeadLetters(app, { until: limit }), 4);

  const { groups } = await groupDeadLetters(app, {});
  assert.deepEqual(
    groups.map(({ part, reason, letters }) => [part, reason, letters]),
    [
      ["intake", "poison", 2],
      ["stream", "poison", 2],
      ["stream", "unreadable", 2],
      ["intake", "unreadable", 1],
    ],
  );
  const foreign = Buffer.from("1 or true").toString("base64url");
  await assert.rejects(
    listDeadLetters(app, {}, { limit: 1, cursor: foreign }),
    code("unanswerable_query"),
  );
  await assert.rejects(
    listDeadLetters(app, { since: "soon" }, { limit: 1 }),
    code("invalid_request"),
  );
  await assert.rejects(readDeadLetter(app, "no-id"), code("not_found"));
});

test("an edit is stored beside the original, is validated, can be undone, and is in the audit log", async (t) => {
  const database = await createTestDatabase(t);
  const { app } = database;
  const id = await addDeadLetter(app, { key: "a", original: '{"price":"x"}' });
  const validators = {
    test: (bytes: Buffer) => (bytes.toString().startsWith("{") ? undefined : "must be an object"),
  };
  const edit = (text: string, letterId = id) =>
    editDeadLetter(by(database), { id: letterId, bytes: Buffer.from(text), validators });
  await assert.rejects(edit("[]"), /must be an object/);
  const edited = await edit('{"price":1}');
  assert.deepEqual(edited.original, { encoding: "utf8", data: '{"price":"x"}' });
  assert.deepEqual(edited.edition, { encoding: "utf8", data: '{"price":1}' });
  assert.equal((await edit('{"price":"x"}')).edition, null);

  const other = await addDeadLetter(app, {
    part: "bare",
    key: "b",
    original: Buffer.from([0xff, 0]),
  });
  assert.deepEqual((await readDeadLetter(app, other)).original, {
    encoding: "base64",
    data: "/wA=",
  });
  await assert.rejects(edit("{", other), /not valid JSON/);
  await assert.rejects(edit("{}", "00000000-0000-7000-8000-000000000000"), code("not_found"));
  await requestReplay(by(database), { ids: [id] });
  await assert.rejects(edit("{}"), /replaying/);
  const log = await app.query({
    text: "select actor, subject from auth.audit_log where action = 'dlq.edit' order by id",
  });
  const entry = { actor: "ops/key", subject: `letter:${id}` };
  assert.deepEqual(log, [entry, entry]);
});

test("a discard changes open dead letters only, and is in the audit log", async (t) => {
  const database = await createTestDatabase(t);
  const { app } = database;
  const ids = [];
  for (const key of ["a", "b", "c"]) ids.push(await addDeadLetter(app, { key, reason: key }));
  await requestReplay(by(database), { reason: "c" });
  assert.equal(await discardDeadLetters(by(database), { reason: "a" }), 1);
  assert.equal(await discardDeadLetters(by(database), {}), 1);
  const states = await app.query<{ state: string }>({
    text: "select state from dlq.letters order by id",
  });
  assert.deepEqual(
    states.map(({ state }) => state),
    ["discarded", "discarded", "replaying"],
  );
  const [entry] = await app.query({
    text: "select detail from auth.audit_log where action = 'dlq.discard' order by id",
  });
  assert.deepEqual(entry, { detail: { filter: { reason: "a" }, letters: 1 } });
});
