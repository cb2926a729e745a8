import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { createTestDatabase, type TestDatabase } from "../../../../testing/database.ts";
import {
  type OpenTransaction,
  openTransaction,
  prepareDays,
  writeEvents,
} from "../../../test/helpers/raw-log.ts";
import { openPool } from "../../adapters/postgres/pool.ts";
import type { NextRange, RangeReader } from "../../core/ports/log.ts";
import { inLogOrder } from "./logged-events.ts";
import { createRangeReader } from "./range-reader.ts";

const { signal } = new AbortController();

/** Reads the next range and moves on; the ids read. */
async function readNext(
  { app }: TestDatabase,
  reader: RangeReader,
  maxEvents: number,
): Promise<string[]> {
  const range = await reader.next(maxEvents);
  const ids: string[] = [];
  for await (const chunk of reader.read(range, { about: "all", signal })) {
    ids.push(...chunk.map(({ eventId }) => eventId));
  }
  assert.equal(ids.length, range.events, "the range holds what was counted");
  assert.equal(await reader.advance(app, range), true);
  return ids;
}

const moves = fc.array(
  fc.record({
    what: fc.constantFrom("begin", "write", "commit", "roll back", "read"),
    size: fc.integer({ min: 1, max: 9 }),
  }),
  { minLength: 10, maxLength: 40 },
);

test("page by page, whatever commits meanwhile, a reader reads what one big read does", async (t) => {
  const database = await createTestDatabase(t);
  await prepareDays(database);
  let runs = 0;
  await fc.assert(
    fc.asyncProperty(moves, async (sequence) => {
      const name = `run ${++runs}`;
      const paged = createRangeReader(database.app, `${name} paged`);
      const whole = createRangeReader(database.app, `${name} whole`);
      await paged.register("now");
      await whole.register("now");
      const open: OpenTransaction[] = [];
      const committed: string[] = [];
      const read: string[] = [];
      const end = async (one: OpenTransaction | undefined, how: "commit" | "roll back") => {
        await one?.end(how);
        if (how === "commit") committed.push(...(one?.ids ?? []));
      };
      for (const { what, size } of sequence) {
        if (what === "begin" && open.length < 3) open.push(await openTransaction(database, size));
        else if (what === "write") committed.push(...(await writeEvents(database.owner, size)));
        else if (what === "read") read.push(...(await readNext(database, paged, size)));
        else if (what === "commit" || what === "roll back")
          await end(open.splice(size % Math.max(open.length, 1), 1)[0], what);
      }
      for (const one of open) await end(one, "commit");
      for (let page = ["first"]; page.length > 0; ) {
        page = await readNext(database, paged, 4);
        read.push(...page);
      }
      assert.deepEqual(read.toSorted(), committed.toSorted(), "each event once, none lost");
      const all = await readNext(database, whole, 1_000_000);
      assert.deepEqual(all.toSorted(), committed.toSorted());
    }),
    { numRuns: 12 },
  );
});

test("an open transaction at the position delays nothing and loses nothing", async (t) => {
  const database = await createTestDatabase(t);
  await prepareDays(database);
  const reader = createRangeReader(database.app, "test");
  await reader.register("now");
  const open = await openTransaction(database, 2);
  const others = await writeEvents(database.owner, 3);
  assert.deepEqual((await readNext(database, reader, 100)).toSorted(), others.toSorted());
  assert.deepEqual(await readNext(database, reader, 100), []);
  await open.end("commit");
  assert.deepEqual((await readNext(database, reader, 100)).toSorted(), open.ids.toSorted());
  assert.deepEqual(await readNext(database, reader, 100), []);
});

test("of two processes with one reader's name, one moves the position and the other is refused", async (t) => {
  const database = await createTestDatabase(t);
  await prepareDays(database);
  const [first, second] = [1, 2].map(() => createRangeReader(database.app, "test"));
  assert.ok(first !== undefined && second !== undefined);
  await first.register();
  await second.register();
  await writeEvents(database.owner, 3);
  const frozen = await first.next(100);
  assert.equal(await second.advance(database.app, await second.next(100)), true);
  assert.equal(await first.advance(database.app, frozen), false);
});

test("a reader reads on after a clock that stepped back, however far, and after one that ran ahead", async (t) => {
  const database = await createTestDatabase(t);
  const { owner } = database;
  await prepareDays(database);
  const daysAgo = (days: number) => new Date(Date.now() - days * 86_400_000);
  const partition = (at: Date) =>
    owner.query({
      text: "select raw.ensure_partition($1::date)",
      values: [at.toISOString().slice(0, 10)],
    });
  await partition(daysAgo(5));
  const reader = createRangeReader(database.app, "test");
  await reader.register("now");
  await owner.query({ text: "select log.close_days((now() at time zone 'UTC')::date - 1)" });
  await writeEvents(owner, 1);
  assert.equal((await readNext(database, reader, 100)).length, 1);
  const [kept] = await owner.query<{ bounded: boolean }>({
    text: "select since > now() - interval '3 days' as bounded from log.readers where name = 'test'",
  });
  assert.equal(kept?.bounded, true, "days that are over are not visited any more");

  // nothing is decided by what the clock said when the reader last read
  await owner.query({
    text: "update log.readers set read_at = now() + interval '3 hours' where name = 'test'",
  });
  const late = await writeEvents(owner, 2, new Date(Date.now() - 3 * 3_600_000));
  assert.deepEqual((await readNext(database, reader, 100)).toSorted(), late.toSorted());

  for (const days of [5, 40]) {
    // the day of five days ago was closed, that of forty days ago is made by the first event of it
    await partition(daysAgo(days));
    const events = await writeEvents(owner, 3, daysAgo(days));
    assert.deepEqual(
      (await readNext(database, reader, 2)).toSorted(),
      events.toSorted(),
      `${days} days ago`,
    );
  }

  // a clock that ran ahead closed today
  await owner.query({ text: "select log.close_days((now() at time zone 'UTC')::date + 30)" });
  await writeEvents(owner, 1);
  assert.equal((await readNext(database, reader, 100)).length, 1, "noted, as today is closed");
  await owner.query({ text: "select log.close_days((now() at time zone 'UTC')::date - 1)" });
  await writeEvents(owner, 1);
  assert.equal((await readNext(database, reader, 100)).length, 1);
  const [today] = await owner.query<{ closed: boolean }>({
    text: `select exists (select from pg_trigger where tgname = 'closed'
             and tgrelid = ('raw.events_' || to_char(now() at time zone 'UTC', 'YYYYMMDD'))::regclass) as closed`,
  });
  assert.equal(today?.closed, false, "the clock is right again, and today is open");
});

test("reading without a registered reader is an error", async (t) => {
  const database = await createTestDatabase(t);
  await assert.rejects(createRangeReader(database.app, "unknown").next(10), { code: "WF002" });
});

test("a reader that reads ahead of its position reads the same, in the order of the log", async (t) => {
  const database = await createTestDatabase(t);
  await prepareDays(database);
  const inOrder = openPool({
    ...{ url: database.urls.app, applicationName: "test ahead", settings: inLogOrder },
  });
  t.after(() => inOrder.close());
  const ahead = createRangeReader(inOrder, "ahead");
  await ahead.register();
  const late = await openTransaction(database, 3);
  const written = [
    ...(await writeEvents(database.owner, 5)),
    ...(await writeEvents(database.owner, 4)),
  ];
  const ranges: NextRange[] = [];
  const read: string[] = [];
  const readOn = async () => {
    const range = await ahead.next(4, ranges.at(-1));
    ranges.push(range);
    let events = 0;
    for await (const logged of ahead.readLogged(range, { signal })) {
      events += logged.length;
      read.push(...logged.map(({ eventId }) => eventId));
    }
    assert.equal(events, range.events);
  };
  for (let page = 0; page < 3; page++) await readOn();
  assert.deepEqual(read, written);
  await late.end("commit");
  const last = await writeEvents(database.owner, 6);
  for (let page = 0; page < 3; page++) await readOn();
  assert.deepEqual(read, [...written, ...late.ids, ...last]);
  for (const range of ranges) assert.equal(await ahead.advance(database.app, range), true);
  assert.equal((await ahead.next(10)).events, 0);
});
