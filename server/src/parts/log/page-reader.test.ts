import assert from "node:assert/strict";
import { test } from "node:test";
import { createTestDatabase, type TestDatabase } from "../../../../testing/database.ts";
import { prepareDays, writeEvents } from "../../../test/helpers/raw-log.ts";
import type { LogPage } from "../../core/ports/log.ts";
import { readLag } from "./lag.ts";
import { createPageReader } from "./page-reader.ts";
import { unregisterReader } from "./readers.ts";

async function start(t: Parameters<typeof createTestDatabase>[0], name = "test") {
  const database = await createTestDatabase(t);
  await prepareDays(database);
  const pages = createPageReader(database.app, name);
  await pages.register();
  const claim = (owner: string, maxEvents = 100) =>
    pages.claim({ owner, maxEvents, patienceMs: 10_000 });
  return { database, pages, claim };
}

/** As if its worker had given no sign of life for an hour, or had given it before the clock stepped back. */
async function silence({ owner }: TestDatabase, interval: string): Promise<void> {
  await owner.query({
    text: "update log.pages set heartbeat_at = clock_timestamp() + $1::interval",
    values: [interval],
  });
}

test("workers share the log: no event is in two pages, and none is left out", async (t) => {
  const { database, pages, claim } = await start(t);
  for (let n = 0; n < 10; n++) await writeEvents(database.owner, 7);
  const claimed = await Promise.all(Array.from({ length: 6 }, (_, n) => claim(`w${n}`, 10)));
  claimed.push(await claim("last"), await claim("none"));
  const read: string[] = [];
  const { signal } = new AbortController();
  for (const page of claimed.filter((one) => one !== undefined)) {
    for await (const chunk of pages.read(page, { about: "all", signal })) {
      read.push(...chunk.map(({ eventId }) => eventId));
    }
  }
  assert.equal(read.length, 70);
  assert.equal(new Set(read).size, 70);
  assert.equal(claimed.at(-1), undefined);
});

for (const interval of ["-1 hour", "1 hour"]) {
  test(`a page is taken over from a worker whose sign of life is ${interval} off, and then is lost to it`, async (t) => {
    const { database, pages, claim } = await start(t);
    await writeEvents(database.owner, 5);
    const frozen = (await claim("frozen")) as LogPage;
    assert.equal(await claim("other"), undefined, "its worker is alive");
    assert.equal(await pages.keep(frozen), true);
    await silence(database, interval);
    const taken = (await claim("other")) as LogPage;
    assert.deepEqual([taken.id, taken.epoch], [frozen.id, frozen.epoch + 1]);
    assert.equal(await pages.keep(frozen), false);
    assert.equal(await pages.finish(database.app, frozen), false);
    assert.equal(await pages.finish(database.app, taken), true);
    assert.equal(await pages.finish(database.app, taken), false, "a page ends once");
  });
}

test("a page of a single event moves the position too: the event is not claimed again", async (t) => {
  const { database, pages, claim } = await start(t);
  await writeEvents(database.owner, 1);
  const page = (await claim("first")) as LogPage;
  assert.equal(page.events, 1);
  assert.equal(await claim("second"), undefined);
  assert.equal(await pages.finish(database.app, page), true);
  assert.equal(await claim("third"), undefined);
});

test("a page without its reader is lost to its worker", async (t) => {
  const { database, pages, claim } = await start(t);
  await writeEvents(database.owner, 5);
  const page = (await claim("worker")) as LogPage;
  assert.equal(await unregisterReader(database.app, "test"), true);
  assert.equal(await pages.finish(database.app, page), false);
  assert.equal(await readLag(database.app, "test"), undefined);
});

test("lag counts what is unread and what is claimed, up to a limit, and never goes below zero", async (t) => {
  const { database, pages, claim } = await start(t);
  const { app, owner } = database;
  assert.deepEqual(await readLag(app, "test"), { events: 0, more: false, seconds: 0 });
  await writeEvents(owner, 3, new Date(Date.now() - 90_000));
  await writeEvents(owner, 4);
  const page = (await claim("worker", 3)) as LogPage;
  assert.equal(page.events, 3);
  const lag = await readLag(app, "test");
  assert.deepEqual([lag?.events, lag?.more], [7, false]);
  assert.ok(lag !== undefined && lag.seconds > 89 && lag.seconds < 120, `${lag?.seconds} s`);
  assert.deepEqual(await readLag(app, "test", { atMost: 5 }).then((l) => [l?.events, l?.more]), [
    5,
    true,
  ]);

  await owner.query({
    text: "update log.readers set read_at = now() + interval '1 day', heartbeat_at = now() + interval '1 day'",
  });
  assert.equal(
    (await readLag(app, "test"))?.events,
    7,
    "whatever the clock said when it last read",
  );
  await pages.finish(app, page);
  const rest = await readLag(app, "test");
  assert.equal(rest?.events, 4);
  assert.ok(rest.seconds < 30, "of what is left");
  await pages.finish(app, (await claim("worker")) as LogPage);
  await writeEvents(owner, 1, new Date(Date.now() + 3_600_000));
  assert.deepEqual(await readLag(app, "test"), { events: 1, more: false, seconds: 0 });
});

test("a worker that holds a page which a crash took back cannot finish the page that has its id now", async (t) => {
  const { database, pages, claim } = await start(t);
  await writeEvents(database.owner, 5);
  const lost = (await claim("first")) as LogPage;
  // the row, the position and the sequence were not on disk
  await database.owner.query({ text: "delete from log.pages" });
  await database.owner.query({ text: "update log.readers set position = '1:1:'" });
  await database.owner.query({ text: "alter table log.pages alter column id restart" });
  const now = (await claim("second")) as LogPage;
  assert.equal(now.id, lost.id);
  assert.equal(await pages.keep(lost), false);
  assert.equal(await pages.finish(database.app, lost), false);
  assert.equal(await pages.finish(database.app, now), true);
});
