import assert from "node:assert/strict";
import { test } from "node:test";
import { createTestDatabase } from "../../test/helpers/database.ts";

test("the same thing that fails again is the same letter, open, with one attempt more", async (t) => {
  const { app } = await createTestDatabase(t);
  const add = async (reason: string, original: string) => {
    const [row] = await app.query<{ id: string }>({
      text: "select dlq.add($1, $2, $3, $4, $5, $6, $7) as id",
      values: [
        "stream",
        "1/a",
        '{"event_id":"a"}',
        reason,
        "x".repeat(9_000),
        Buffer.from(original),
        "u1",
      ],
    });
    return row?.id;
  };
  const id = await add("invalid", "first");
  await app.query({
    text: "update dlq.letters set state = 'resolved', resolved_at = now() where id = $1",
    values: [id],
  });
  assert.equal(await add("poison", "second"), id);
  const rows = await app.query({
    text: `select state, attempts, reason, length(error) as length, convert_from(original, 'UTF8') as original,
             resolved_at from dlq.letters`,
  });
  assert.deepEqual(rows, [
    {
      state: "open",
      attempts: 2,
      reason: "poison",
      length: 4_000,
      original: "first",
      resolved_at: null,
    },
  ]);
});

test("a letter of a transaction that is rolled back does not exist", async (t) => {
  const { app } = await createTestDatabase(t);
  const gone = app.transaction(async (connection) => {
    await connection.query({ text: "select dlq.add('p', 'k', '{}', 'r', 'e', 'x', null)" });
    throw new Error("rolled back");
  });
  await assert.rejects(gone, /rolled back/);
  assert.deepEqual(await app.query({ text: "select id from dlq.letters" }), []);
});
