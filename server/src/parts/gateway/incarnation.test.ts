/** What the feed does when the server's incarnation changes; with real crashes: promises/server-crash.test.ts. */
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { type TestContext, test } from "node:test";
import { createTestDatabase, type TestDatabase } from "../../../../testing/database.ts";
import { until } from "../../../../testing/until.ts";
import {
  append,
  openReader,
  prepareLog,
  type Reader,
  startLiveServer,
} from "../../../test/helpers/live-server.ts";
import { type Cursor, decodeCursor, encodeCursor } from "./cursor.ts";

/** As PostgreSQL does in a crash; `survived` is where its recovery ended (null: it lost nothing). */
async function crash({ owner }: TestDatabase, survived: string | null = null): Promise<void> {
  await owner.query({ text: "delete from log.current_incarnation" });
  await owner.query({ text: "select log.incarnation()" });
  await owner.query({
    text: `update log.incarnations set survived = coalesce($1::pg_lsn, pg_current_wal_insert_lsn())
           where number = (select max(number) from log.incarnations)`,
    values: [survived],
  });
  await owner.query({ text: "notify weir_raw" });
}

async function start(t: TestContext) {
  const database = await createTestDatabase(t);
  await prepareLog(database);
  const live = await startLiveServer(t, database);
  return { database, live, reader: await openReader(t, live) };
}

async function send(database: TestDatabase, count: number): Promise<string[]> {
  const ids = Array.from({ length: count }, () => randomUUID());
  await append(
    database,
    ids.map((id) => ({ id })),
  );
  return ids;
}

const idsOf = ({ events }: Reader) => events.map(({ event_id }) => event_id);
const gapsOf = ({ frames }: Reader) => frames.filter(({ type }) => type === "gap");

test("an open feed continues after a crash without a gap and without a repeat", async (t) => {
  const { database, live, reader } = await start(t);
  const sent: string[] = [];
  for (let n = 0; n < 4; n++) {
    sent.push(...(await send(database, 3)));
    await until(() => reader.events.length >= sent.length, { what: "the events" });
    await crash(database);
  }
  sent.push(...(await send(database, 3)));
  const late = await openReader(t, live);
  await until(() => reader.events.length >= sent.length, { what: "the events after the crash" });
  assert.deepEqual(idsOf(reader).sort(), sent.sort());
  assert.deepEqual(gapsOf(reader), []);
  // it sees nothing of what was read again
  const [last] = await send(database, 1);
  await until(() => late.events.length > 0, { what: "the last event" });
  assert.deepEqual(idsOf(late), [last]);
});

test("an open feed of a server that lacks its last place gets a gap and continues", async (t) => {
  const { database, reader } = await start(t);
  await send(database, 3);
  await until(() => reader.events.length === 3, { what: "the events" });
  await crash(database, "0/100");
  await until(() => gapsOf(reader).length === 1, { what: "the gap" });
  const sent = await send(database, 2);
  await until(() => reader.events.length === 5, { what: "the events after it" });
  assert.deepEqual(idsOf(reader).slice(3).sort(), sent.sort());
});

test("a cursor from before a crash continues when it is settled, and gets a gap when it is not", async (t) => {
  const { database, live, reader } = await start(t);
  const seen = await send(database, 3);
  await until(() => reader.events.length === 3, { what: "the events" });
  const cursor = decodeCursor(reader.cursor()) as Cursor;
  assert.ok(cursor.settled !== undefined, "commits were on disk when it was sent");
  await crash(database);
  const missed = await send(database, 2);

  const back = await openReader(t, live, { query: `cursor=${encodeCursor(cursor)}` });
  await until(() => missed.every((id) => idsOf(back).includes(id)), { what: "what was missed" });
  // of the round that it was in, events may come again
  assert.ok(idsOf(back).every((id) => [...seen, ...missed].includes(id)));
  assert.deepEqual(gapsOf(back), []);

  const previous = Buffer.from(`1~${Date.now().toString(36)}~5.4.`, "latin1").toString("base64url");
  for (const query of [
    encodeCursor({ ...cursor, settled: undefined }),
    encodeCursor({ ...cursor, settled: 2n ** 60n }),
    encodeCursor({ ...cursor, incarnation: "ffffffffffffffff" }),
    previous,
  ]) {
    const refused = await openReader(t, live, { query: `cursor=${query}` });
    await until(() => gapsOf(refused).length === 1, { what: "the gap" });
    assert.deepEqual(idsOf(refused), []);
  }
});
