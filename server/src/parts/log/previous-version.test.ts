/** Processes of the previous version run beside the migrated database for a while: their statements still work. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { createTestDatabase } from "../../../../testing/database.ts";
import { prepareDays, writeEvents } from "../../../test/helpers/raw-log.ts";

test("the statements of the previous version read, claim, finish and report as before", async (t) => {
  const database = await createTestDatabase(t);
  const { app, owner } = database;
  await prepareDays(database);
  const ids = await writeEvents(owner, 5);

  const [lease] = await app.query<{ epoch: string }>({
    text: `with taken as (
             insert into etl.leases as l (reader, epoch, owner, heartbeat_at)
             select reader, epoch + 1, $1, clock_timestamp() from etl.cursors where reader = 'windows'
             on conflict (reader) do update
             set epoch = l.epoch + 1, owner = excluded.owner, heartbeat_at = clock_timestamp()
             where l.heartbeat_at < clock_timestamp() - $2 * interval '1 millisecond'
             returning epoch
           )
           update etl.cursors c set epoch = taken.epoch from taken where c.reader = 'windows'
           returning c.epoch`,
    values: ["old", 3_000],
  });
  assert.equal(lease?.epoch, "1");
  const [step] = await app.query<{ events: number }>({
    text: "select events, more, stage_us from etl.step($1, $2, $3 * interval '1 millisecond')",
    values: [1, 1_000, 10_000],
  });
  assert.equal(step?.events, 5);
  await app.transaction((connection) =>
    connection.query({
      text: "select 1 from etl.cursors where reader = 'windows' for no key update",
    }),
  );

  const [page] = await app.query<Record<string, string>>({
    text: `select id::text, epoch::text, events, from_position::text, to_position::text, since::text,
             extract(epoch from read_at)::float8 * 1000 as read_at
           from stream.claim($1, $2, $3 * interval '1 millisecond', $4 * interval '1 millisecond')`,
    values: ["old/0", 100, 10_000, 10_000],
  });
  assert.ok(page !== undefined);
  const rows = await app.query<{ event_id: string }>({
    text: `select event_id from raw.events
           where xid >= pg_snapshot_xmax($1::pg_snapshot) and xid < pg_snapshot_xmax($2::pg_snapshot)
             and received_at >= $3 and pg_visible_in_snapshot(xid, $2::pg_snapshot)`,
    values: [page["from_position"], page["to_position"], page["since"]],
  });
  assert.deepEqual(rows.map((row) => row.event_id).toSorted(), ids.toSorted());
  const byPage = { values: [page["id"], page["epoch"]] };
  const kept = await app.query({
    text: "update stream.pages set heartbeat_at = clock_timestamp() where id = $1 and epoch = $2 returning id",
    ...byPage,
  });
  assert.equal(kept.length, 1);
  const [health] = await app.query<{ windows: boolean; stream: boolean; open: boolean }>({
    text: `select (select read_at from etl.cursors c left join etl.leases l on l.reader = c.reader
               where c.reader = 'windows') > now() - interval '1 minute' as windows,
             least((select read_at from etl.cursors where reader = 'stream'),
               (select min(read_at) from stream.pages)) is not null as stream,
             exists (select from stream.pages where id <= (select max(id) from stream.pages)) as open`,
  });
  assert.deepEqual({ ...health }, { windows: true, stream: true, open: true });
  const finished = await app.query({
    text: "delete from stream.pages where id = $1 and epoch = $2 returning id",
    ...byPage,
  });
  assert.equal(finished.length, 1);

  const [dropped] = await owner.query<{ dropped: string[] }>({
    text: `select raw.drop_partitions(least($1, (select min(read_at) - interval '1 hour' from (
             select read_at from etl.cursors union all select read_at from stream.pages) r))) as dropped`,
    values: [new Date(Date.now() - 90 * 86_400_000)],
  });
  assert.deepEqual(dropped?.dropped, []);
});
