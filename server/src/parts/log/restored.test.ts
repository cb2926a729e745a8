/** A dump that is restored to another cluster: transaction ids begin again there. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { TestDatabase } from "../../../../testing/database.ts";
import { createEtlDatabase } from "../../../test/helpers/etl/database.ts";
import { writeEvents } from "../../../test/helpers/raw-log.ts";
import type { LogPage } from "../../core/ports/log.ts";
import { audit } from "../etl/audit.ts";
import { runStep } from "../etl/step.ts";
import { createPageReader } from "./page-reader.ts";

/** As if it had been dumped from a cluster whose ids were this far ahead (or behind: a negative number). */
async function restoreFrom({ owner }: TestDatabase, ahead: number): Promise<void> {
  const moved = (snapshot: string) => `(
    select ((pg_snapshot_xmin(${snapshot})::text::bigint + ${ahead}) || ':' || (pg_snapshot_xmax(${snapshot})::text::bigint + ${ahead})
      || ':' || coalesce((select string_agg((x::text::bigint + ${ahead})::text, ',' order by x) from pg_snapshot_xip(${snapshot}) x), ''))::pg_snapshot)`;
  for (const text of [
    "update log.incarnations set cluster = '7/7'",
    "update log.current_incarnation set cluster = '7/7'",
    `update raw.events set xid = (xid::text::bigint + ${ahead})::text::xid8`,
    `update log.readers set position = ${moved("position")} where position::text <> '1:1:'`,
    `update log.pages set from_position = ${moved("from_position")}, to_position = ${moved("to_position")}`,
  ]) {
    await owner.query({ text });
  }
}

const step = (database: TestDatabase, maxEvents: number) =>
  runStep(database.app, { epoch: 0, maxEvents });

async function readAll(database: TestDatabase, page: LogPage | undefined): Promise<string[]> {
  if (page === undefined) return [];
  const pages = createPageReader(database.app, "stream");
  const ids: string[] = [];
  const { signal } = new AbortController();
  for await (const chunk of pages.read(page, { about: "all", signal })) {
    ids.push(...chunk.map(({ eventId }) => eventId));
  }
  assert.equal(await pages.finish(database.app, page), true);
  return ids;
}

for (const ahead of [1_000_000_000, 0]) {
  test(`every reader continues with what it had not processed (ids ${ahead} ahead)`, async (t) => {
    const database = await createEtlDatabase(t);
    const { app, owner } = database;
    const pages = createPageReader(app, "stream");
    await pages.register();
    const claim = () => pages.claim({ owner: "w", maxEvents: 1_000, patienceMs: 60_000 });
    // read by both; claimed, and read by the windows; read by the windows alone; by neither
    await writeEvents(owner, 3);
    await readAll(database, await claim());
    const claimed = await writeEvents(owner, 4);
    assert.equal((await claim())?.events, 4);
    const unclaimed = await writeEvents(owner, 5);
    assert.equal((await step(database, 1_000)).events, 12);
    const unread = await writeEvents(owner, 6);

    await restoreFrom(database, ahead);
    await assert.rejects(step(database, 1_000), { code: "WF004" });
    await assert.rejects(claim(), { code: "WF004" });
    const adopt = { text: "select log.adopt_restored() as adopted" };
    assert.deepEqual(await owner.query(adopt), [{ adopted: true }]);
    assert.deepEqual(await owner.query(adopt), [{ adopted: false }]);
    const sent = await writeEvents(owner, 2);

    assert.equal((await step(database, 1_000)).events, 8);
    const left = await readAll(database, await claim());
    const expected = [...unclaimed, ...unread, ...sent];
    if (ahead === 0) {
      // nothing was renumbered: the page is still claimed
      assert.deepEqual(left.sort(), expected.sort());
    } else {
      assert.deepEqual(left.sort(), [...claimed, ...expected].sort());
    }
    assert.equal((await step(database, 1_000)).events, 0);
    let days = 0;
    for await (const report of audit(app)) {
      assert.ok(report.kind === "day" && report.differences === 0, JSON.stringify(report));
      assert.equal(report.events, 20);
      days++;
    }
    assert.equal(days, 1);
  });
}

test("a log that is restored twice is adapted twice", async (t) => {
  const database = await createEtlDatabase(t);
  const { owner } = database;
  await writeEvents(owner, 3);
  assert.equal((await step(database, 1_000)).events, 3);
  await writeEvents(owner, 4);
  for (let n = 0; n < 2; n++) {
    await restoreFrom(database, 1_000_000);
    await owner.query({ text: "select log.adopt_restored()" });
  }
  assert.equal((await step(database, 1_000)).events, 4);
});
