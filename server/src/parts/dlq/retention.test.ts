import assert from "node:assert/strict";
import { test } from "node:test";
import { createTestDatabase, type TestDatabase } from "../../../../testing/database.ts";
import { addDeadLetter } from "../../../test/helpers/dead-letters.ts";
import { overheadBytes, readFigures } from "./figures.ts";
import { sizeWarning, sweep } from "./retention.ts";

const content = "x".repeat(1_000);
const each = 1_000 + overheadBytes;

/** Adds dead letters in this order, oldest first; the first character of a key gives its state. */
async function fill({ app }: TestDatabase, keys: readonly string[]): Promise<void> {
  const states: Readonly<Record<string, string>> = { o: "open", r: "resolved", d: "discarded" };
  for (const key of keys) {
    const id = await addDeadLetter(app, { key, original: content });
    const state = states[key[0] ?? ""];
    await app.query({
      text: `update dlq.letters set state = $2, resolved_at = case when $2 = 'open' then null else now() end
             where id = $1`,
      values: [id, state],
    });
  }
}

async function keys({ app }: TestDatabase): Promise<string[]> {
  const rows = await app.query<{ source_key: string }>({
    text: "select source_key from dlq.letters order by last_at, id",
  });
  return rows.map(({ source_key }) => source_key);
}

test("settled dead letters are deleted by age, open ones are not", async (t) => {
  const database = await createTestDatabase(t);
  await fill(database, ["o1", "r1", "d1", "r2"]);
  await database.app.query({
    text: `update dlq.letters set last_at = now() - interval '9 days',
             resolved_at = resolved_at - interval '9 days' where source_key <> 'r2'`,
  });
  const swept = await sweep(database.app, { retentionDays: 8, maxBytes: 1e9 });
  assert.deepEqual(swept, { expired: 2, settled: 0, open: 0, bytes: 2 * each });
  assert.deepEqual(await keys(database), ["o1", "r2"]);
});

test("to limit the size, settled dead letters are deleted first, then the oldest open ones, and no more than needed", async (t) => {
  const database = await createTestDatabase(t);
  await fill(database, ["o1", "o2", "r1", "o3", "d1", "o4"]);
  const settings = (letters: number) => ({ retentionDays: 8, maxBytes: letters * each });
  assert.deepEqual(await sweep(database.app, settings(6)), {
    expired: 0,
    settled: 0,
    open: 0,
    bytes: 6 * each,
  });
  await sweep(database.app, settings(5.5));
  assert.deepEqual(await keys(database), ["o1", "o2", "o3", "d1", "o4"]);
  const swept = await sweep(database.app, settings(2));
  assert.deepEqual(swept, { expired: 0, settled: 1, open: 2, bytes: 2 * each });
  assert.deepEqual(await keys(database), ["o3", "o4"]);
});

test("from 80 % on there is a warning, and nothing is deleted", async (t) => {
  const database = await createTestDatabase(t);
  await fill(database, ["o1", "o2", "r1", "o3"]);
  const figures = await readFigures(database.app);
  assert.deepEqual(figures.letters, { open: 3, replaying: 0, resolved: 1, discarded: 0 });
  assert.equal(figures.bytes, 4 * each);
  assert.equal(sizeWarning(figures, { maxBytes: 5.1 * each }), undefined);
  assert.match(sizeWarning(figures, { maxBytes: 5 * each }) ?? "", /80 % .* 3 open/);
  const swept = await sweep(database.app, { retentionDays: 8, maxBytes: 5 * each });
  assert.equal(swept?.bytes, 4 * each);
});

test("a second process does not delete at the same time", async (t) => {
  const { app } = await createTestDatabase(t);
  await app.transaction(async (connection) => {
    await connection.query({ text: "select pg_advisory_xact_lock(hashtext('dlq retention'))" });
    assert.equal(await sweep(app, { retentionDays: 8, maxBytes: 1 }), undefined);
  });
});
