/** The cost of a read follows what is new: index probes, in every form in which the read is used. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { createTestDatabase } from "../../../../testing/database.ts";
import { prepareDays, writeEvents } from "../../../test/helpers/raw-log.ts";

/** Of the callers of log.unread in SQL: etl.read_batch, log.page_after, log.lag. */
const callers = ["etl.read_batch", "log.page_after", "log.lag"];

test("a read of the log is put into the caller's plan, and probes the index on xid", async (t) => {
  const database = await createTestDatabase(t);
  const { owner } = database;
  await prepareDays(database);
  // plans are made while the log is empty, and must not become sequential scans
  for (const grown of [false, true]) {
    if (grown) {
      for (let n = 0; n < 20; n++) await writeEvents(owner, 500);
      await owner.query({ text: "analyze raw.events" });
    }
    const plan = await owner.transaction(async (connection) => {
      const [settings] = await connection.query<{ configs: string[][] }>({
        text: "select array_agg(proconfig::text) as configs from pg_proc where oid = any ($1::regproc[])",
        values: [callers],
      });
      for (const config of settings?.configs ?? []) {
        for (const setting of ["enable_seqscan", "enable_bitmapscan", "enable_sort"]) {
          assert.match(String(config), new RegExp(`${setting}=off`));
        }
      }
      await connection.query({
        text: "select set_config(name, 'off', true) from unnest(array['enable_seqscan', 'enable_bitmapscan', 'enable_sort']) name",
      });
      await connection.query({ text: "set local plan_cache_mode = force_generic_plan" });
      await connection.query({
        text: `prepare reading (pg_snapshot, pg_snapshot, timestamptz, int) as
                 select count(*) from log.unread($1, $2, $3, $4)`,
      });
      const rows = await connection.query<{ "QUERY PLAN": string }>({
        text: "explain execute reading ('5:9:5,7', pg_current_snapshot(), '-infinity', 500)",
      });
      await connection.query({ text: "deallocate reading" });
      return rows.map((row) => row["QUERY PLAN"]).join("\n");
    });
    assert.match(plan, /Index (Only )?Scan using events_\d+_xid_idx/);
    assert.doesNotMatch(plan, /Seq Scan|Function Scan|Bitmap|Sort(?! Key)/, plan);
  }
});
