import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { createTestDatabase } from "../../../../testing/database.ts";
import { openTransaction, prepareDays, writeEvents } from "../../../test/helpers/raw-log.ts";
import { createRangeReader } from "../log/range-reader.ts";
import { planRewind, readRewindFrom, rewind } from "./rewind.ts";

async function open(t: TestContext) {
  const database = await createTestDatabase(t);
  await prepareDays(database);
  const { owner, app } = database;
  const log = createRangeReader(app, "relay");
  await log.register();
  const unread = async () => (await log.next(1_000)).events;
  const readAll = async () => {
    const range = await log.next(1_000);
    assert.ok(await log.advance(app, range));
    return range.to;
  };
  const audits: unknown[] = [];
  const about = {
    actor: "test",
    audit: async (_: unknown, entry: unknown) => {
      audits.push(entry);
    },
  };
  return { database, owner, app, log, unread, readAll, audits, about };
}

test("a rewind reads again what was received since a time, and what was still unread", async (t) => {
  const { database, owner, app, unread, readAll, audits, about } = await open(t);
  const hours = (count: number) => new Date(Date.now() - count * 3_600_000);
  await writeEvents(owner, 3, hours(0.003));
  await readAll();
  const late = await openTransaction(database, 4);
  const since = new Date();
  await writeEvents(owner, 5, since);
  await readAll();
  await late.end("commit");
  assert.equal(await unread(), 4);

  assert.equal(
    await planRewind(app, { kind: "time", at: new Date(Date.now() + 60_000) }),
    undefined,
  );
  const plan = await planRewind(app, { kind: "time", at: since });
  assert.equal(plan?.events, 5);
  assert.equal(await rewind(app, plan as NonNullable<typeof plan>, about), true);
  assert.equal(await unread(), 9);
  assert.equal(audits.length, 1);

  await readAll();
  const everything = await planRewind(app, { kind: "beginning" });
  assert.equal(everything?.events, 12);
  assert.equal(await rewind(app, everything as NonNullable<typeof everything>, about), true);
  assert.equal(await unread(), 12);
});

test("a position that would skip unread events is refused", async (t) => {
  const { database, owner, app, unread, readAll, about } = await open(t);
  const late = await openTransaction(database, 4);
  await writeEvents(owner, 2);
  await readAll();
  await late.end("commit");
  await writeEvents(owner, 1);
  const [later] = await app.query<{ position: string }>({
    text: "select pg_current_snapshot()::text as position",
  });
  const skipping = {
    position: later?.position ?? "",
    events: 1,
    firstReceivedAt: null,
    lastReceivedAt: null,
  };
  assert.equal(await rewind(app, skipping, about), false);
  assert.equal(await unread(), 5);
});

test("a time, a position and the beginning are distinguished", () => {
  assert.deepEqual(readRewindFrom("beginning"), { kind: "beginning" });
  assert.equal(readRewindFrom("12:20:15")?.kind, "position");
  assert.deepEqual(readRewindFrom("2027-01-31T12:00:00Z"), {
    ...{ kind: "time", at: new Date("2027-01-31T12:00:00Z") },
  });
  for (const text of ["", "yesterday", "2027", "20:12:15"])
    assert.equal(readRewindFrom(text), undefined);
});
