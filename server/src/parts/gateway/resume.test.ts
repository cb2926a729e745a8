import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { closeReasons } from "@weir/protocol";
import { createTestDatabase } from "../../../../testing/database.ts";
import { until } from "../../../../testing/until.ts";
import {
  append,
  insertStatement,
  openReader,
  prepareLog,
  startLiveServer,
} from "../../../test/helpers/live-server.ts";
import { openPool } from "../../adapters/postgres/pool.ts";
import { decodeCursor, encodeCursor } from "./cursor.ts";

test("a reader that comes back again and again, to any instance, gets every event once", async (t) => {
  const database = await createTestDatabase(t);
  await prepareLog(database);
  const lives = [await startLiveServer(t, database), await startLiveServer(t, database)];
  const pool = openPool({ url: database.urls.owner, applicationName: "writers", max: 8 });
  t.after(() => pool.close());

  // eight writers whose transactions overlap for up to 250 ms, a fifth of them rolled back
  const committed = new Set<string>();
  const received: string[] = [];
  let visits = 0;
  const leastVisits = 40;
  const rollback = new Error("rolled back on purpose");
  const writer = async (n: number) => {
    for (let round = 0; visits < leastVisits; round++) {
      // a slow machine reads later; what waits must stay within what is replayed
      await until(() => committed.size - received.length < 1_000 || visits >= leastVisits, {
        what: "the reader to follow",
      });
      const chance = Math.abs(Math.sin(n * 97 + round * 31));
      const ids = Array.from({ length: 1 + Math.floor(chance * 15) }, () => randomUUID());
      const rolledBack = round % 5 === n % 5;
      const work = pool.transaction(async (connection) => {
        await connection.query(insertStatement(ids.slice(1).map((id) => ({ id }))));
        await delay(chance * 250);
        await connection.query(insertStatement(ids.slice(0, 1).map((id) => ({ id }))));
        await connection.query({ text: "notify weir_raw" });
        if (rolledBack) throw rollback;
      });
      await work.catch((error) => assert.equal(error, rollback));
      if (!rolledBack) for (const id of ids) committed.add(id);
    }
  };
  const first = lives[0] as (typeof lives)[0];
  const origin = await openReader(t, first);
  let cursor = origin.cursor();
  await origin.close();
  const writing = Promise.all(Array.from({ length: 8 }, (_, n) => writer(n)));

  let done = false;
  const written = writing.finally(() => {
    done = true;
  });
  for (; !done || received.length < committed.size; visits++) {
    const live = lives[visits % 2] ?? first;
    const reader = await openReader(t, live, { query: `cursor=${cursor}`, waitForHello: false });
    // stop after a few events, wherever that is in a step; at the end wait a little for the rest
    const enough = 1 + (visits % 23);
    await until(() => reader.events.length >= enough || (done && reader.frames.length > 0), {
      what: "some events",
      everyMs: 1,
    });
    if (done) await delay(100);
    reader.socket.pause();
    received.push(...reader.events.map(({ event_id }) => event_id));
    cursor = reader.cursor();
    reader.socket.terminate();
    assert.ok(visits < 2_000, `${received.length} of ${committed.size}`);
  }
  await written;
  assert.equal(received.length, new Set(received).size, "no repeats");
  assert.deepEqual(new Set(received), committed, "nothing missing, nothing invented");
});

test("a transaction that commits late is sent, and delays no other event", async (t) => {
  const database = await createTestDatabase(t);
  await prepareLog(database);
  const live = await startLiveServer(t, database);
  const reader = await openReader(t, live);
  const slow = randomUUID();
  const release = Promise.withResolvers<void>();
  const open = Promise.withResolvers<void>();
  const committing = database.owner.transaction(async (connection) => {
    await connection.query(insertStatement([{ id: slow }]));
    open.resolve();
    await release.promise;
  });
  await open.promise;
  const quick = randomUUID();
  await append(database, [{ id: quick }]);
  await until(() => reader.events.length === 1, { what: "the quick event" });
  assert.equal(reader.events[0]?.event_id, quick);
  const before = reader.cursor();
  release.resolve();
  await committing;
  await until(() => reader.events.length === 2, { what: "the slow event" });
  assert.equal(reader.events[1]?.event_id, slow);
  const again = await openReader(t, live, { query: `cursor=${before}` });
  await until(() => again.events.length === 1, { what: "the slow event, replayed" });
  assert.equal(again.events[0]?.event_id, slow);
});

test("a cursor that is too far behind, too old, or from another database gets a gap and continues live", async (t) => {
  const database = await createTestDatabase(t);
  await prepareLog(database);
  const live = await startLiveServer(t, database, { limits: { replayEvents: 20 } });
  const start = await openReader(t, live);
  const cursor = start.cursor();
  await start.close();
  const place = decodeCursor(cursor);
  assert.ok(place !== undefined);
  await append(
    database,
    Array.from({ length: 20 }, () => ({})),
  );
  const within = await openReader(t, live, { query: `cursor=${cursor}` });
  await until(() => within.events.length === 20, { what: "twenty events" });
  await append(database, [{}]);
  const future = { xmin: place.from.xmin + 1_000n, xmax: place.from.xmax + 1_000n, xip: [] };
  const cases: readonly [string, RegExp][] = [
    [cursor, /more than 20 events/],
    [encodeCursor({ ...place, at: place.at - 2 * 3_600_000 }), /older than 60 minutes/],
    [encodeCursor({ ...place, from: future }), /another database/],
  ];
  for (const [sent, reason] of cases) {
    const reader = await openReader(t, live, { query: `cursor=${sent}` });
    await until(() => reader.frames.length === 2, { what: "the gap" });
    const gap = reader.frames[1];
    assert.ok(gap?.type === "gap");
    assert.match(gap.reason, reason);
    await append(database, [{ type: "after the gap" }]);
    await until(() => reader.events.length === 1, { what: "the next event" });
    assert.equal(reader.events[0]?.event_type, "after the gap");
  }
});

test("a burst beyond the replay limit becomes a gap, and the feed stays live", async (t) => {
  const database = await createTestDatabase(t);
  await prepareLog(database);
  const live = await startLiveServer(t, database, { limits: { replayEvents: 1_000 } });
  const reader = await openReader(t, live);
  await append(
    database,
    Array.from({ length: 5_000 }, () => ({})),
  );
  await until(() => reader.frames.some(({ type }) => type === "gap"), { what: "the gap" });
  await append(database, [{ type: "after the flood" }]);
  await until(() => reader.events.at(-1)?.event_type === "after the flood", { what: "the next" });
  assert.ok(reader.events.length < 5_000);
});

test("a slow reader is closed at its backlog limit with a reason; the others get everything in time", async (t) => {
  const database = await createTestDatabase(t);
  await prepareLog(database);
  const live = await startLiveServer(t, database);
  const slow = await openReader(t, live);
  const quick = await openReader(t, live);
  const { _socket: pipe } = slow.socket as unknown as {
    _socket: { pause(): void; resume(): void };
  };
  pipe.pause();
  const payload = JSON.stringify({ filler: "x".repeat(20_000) });
  let sent = 0;
  while (live.gateway.stats().closed.slow_reader === 0) {
    await append(
      database,
      Array.from({ length: 25 }, () => ({ payload })),
    );
    sent += 25;
    // the slow one reads nothing: a feed that waited for it would never get here
    await until(() => quick.events.length === sent, { what: "the quick reader's events" });
    assert.ok(sent < 2_000, "the slow reader was never cut");
    if (sent >= 1_000) pipe.resume();
  }
  pipe.resume();
  await until(() => slow.end.code !== undefined, { what: "the slow reader's end" });
  assert.deepEqual(slow.end, { code: closeReasons.slow_reader, bye: "slow_reader" });
  assert.ok(slow.events.length < sent);
  // with its last cursor it gets the rest
  const back = await openReader(t, live, { query: `cursor=${slow.cursor()}` });
  await until(() => slow.events.length + back.events.length === sent, { what: "the rest" });
  assert.equal(quick.end.code, undefined);
});

test("a feed whose database connections are cut continues without gap or repeat", async (t) => {
  const database = await createTestDatabase(t);
  await prepareLog(database);
  const live = await startLiveServer(t, database);
  const reader = await openReader(t, live);
  const sent: string[] = [];
  for (let round = 0; round < 12; round++) {
    const ids = Array.from({ length: 300 }, () => randomUUID());
    sent.push(...ids);
    const writing = append(
      database,
      ids.map((id) => ({ id })),
    );
    await database.owner.query({
      text: `select pg_terminate_backend(pid) from pg_stat_activity
        where application_name like 'gateway test%' and datname = current_database()`,
    });
    await writing;
  }
  await until(() => reader.events.length >= sent.length, { what: "every event" });
  assert.deepEqual(reader.events.map(({ event_id }) => event_id).sort(), sent.sort());
  assert.equal(live.gateway.part.problem?.(), undefined);
});
