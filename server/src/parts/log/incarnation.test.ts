import assert from "node:assert/strict";
import { test } from "node:test";
import { createTestDatabase, type TestDatabase } from "../../../../testing/database.ts";
import { prepareDays, writeEvents } from "../../../test/helpers/raw-log.ts";
import type { Queryable } from "../../core/ports/database.ts";
import { createLiveLog } from "./live-log.ts";
import { createRangeReader } from "./range-reader.ts";
import { createLogScan } from "./scan.ts";

async function incarnation(database: Queryable): Promise<string> {
  const [row] = await database.query<{ id: string }>({ text: "select log.incarnation() as id" });
  return row?.id ?? "";
}

/** What a crash of PostgreSQL does to an unlogged table. */
async function crash({ owner }: TestDatabase, survived: string): Promise<void> {
  await owner.query({ text: "delete from log.current_incarnation" });
  await incarnation(owner);
  await owner.query({
    text: "update log.incarnations set survived = $1 where number = (select max(number) from log.incarnations)",
    values: [survived],
  });
}

test("an incarnation keeps its id until the unlogged table is empty; callers at once agree on the next", async (t) => {
  const database = await createTestDatabase(t);
  const ids = await Promise.all(Array.from({ length: 8 }, () => incarnation(database.app)));
  assert.equal(new Set(ids).size, 1);
  assert.match(ids[0] ?? "", /^[0-9a-f]{16}$/);
  assert.equal(await incarnation(database.owner), ids[0]);
  await database.owner.query({ text: "delete from log.current_incarnation" });
  const later = await Promise.all(Array.from({ length: 8 }, () => incarnation(database.app)));
  assert.equal(new Set([...ids, ...later]).size, 2);
});

test("a copy of the database within its cluster is another incarnation, in which no earlier position holds", async (t) => {
  const { app, owner } = await createTestDatabase(t);
  const before = await incarnation(app);
  await owner.query({
    text: `update log.current_incarnation set cluster = split_part(cluster, '/', 1) || '/1'`,
  });
  await owner.query({
    text: `update log.incarnations set cluster = split_part(cluster, '/', 1) || '/1'`,
  });
  assert.notEqual(await incarnation(app), before);
  assert.equal(await createLiveLog(app).survived(before, 0n, {}), true);
  assert.equal(await createLiveLog(app).survived(before, 1n, {}), false);
});

test("a settled position survives a recovery that reached its byte, and none that did not", async (t) => {
  const database = await createTestDatabase(t);
  const log = createLiveLog(database.app);
  const now = await log.now({});
  assert.equal(now.flushed, now.written);
  const survived = (byte: bigint) => log.survived(now.incarnation, byte, {});
  assert.equal(await survived(now.written), true);
  assert.equal(await survived(now.written + 2n ** 40n), false, "it was written in another history");
  assert.equal(await log.survived("ffffffffffffffff", 1n, {}), false, "nothing is known of it");

  const [row] = await database.owner.query<{ byte: string }>({
    text: "select ('0/0'::pg_lsn + $1::numeric)::text as byte",
    values: [now.written.toString()],
  });
  await crash(database, row?.byte ?? "");
  assert.equal(await survived(now.written), true);
  assert.equal(await survived(now.written - 5n), true);
  // a standby that lacked the end was promoted; a later crash does not make up for it
  await crash(database, "0/100");
  await crash(database, row?.byte ?? "");
  assert.equal(await survived(now.written), false);
  assert.equal(await survived(0x100n), true);
});

test("a range that was read before a crash is not counted after it", async (t) => {
  const database = await createTestDatabase(t);
  await prepareDays(database);
  await writeEvents(database.owner, 3);
  const reader = createRangeReader(database.app, "test");
  await reader.register();
  const range = await reader.next(10);
  await crash(database, "0/0");
  assert.equal(await reader.advance(database.app, range), false);
  const again = await reader.next(10);
  assert.equal(again.events, 3);
  assert.equal(await reader.advance(database.app, again), true);
});

test("a pass over the log ends with the incarnation that it began in", async (t) => {
  const database = await createTestDatabase(t);
  await prepareDays(database);
  for (let n = 0; n < 3; n++) await writeEvents(database.owner, 2);
  const scan = createLogScan(database.app);
  const options = { receivedFrom: new Date(0), maxEvents: 2 };
  const first = await scan.next(undefined, options);
  assert.equal(first?.range.events, 2);
  assert.equal((await scan.names(database.app, first?.range as never)).length, 2);
  await crash(database, "0/0");
  await assert.rejects(scan.next(first?.range, options), /crashed/);
  await assert.rejects(scan.names(database.app, first?.range as never), /crashed/);
  assert.equal((await scan.next(undefined, options))?.range.events, 2);
});
