import type { Area } from "../mutant.ts";

const read = "server/sql/functions/etl/read_batch.sql";
const after = "server/sql/functions/etl/position_after.sql";
const step = "server/sql/functions/etl/step.sql";

/** A late commit is lost by no reader, and delays none. */
export const logPosition: Area = {
  name: "log-position",
  sources: [read, after],
  tests: ["server/src/parts/etl/position.test.ts", "server/test/promises/slow-transaction.test.ts"],
  env: { WEIR_TEST_HELD_MS: "200" },
  mutations: [
    { in: after, from: "on x::text::numeric < cut", to: "on false" },
    {
      in: after,
      from: "last_xid::text::numeric + 1 as cut",
      to: "last_xid::text::numeric + 2 as cut",
    },
    { in: read, from: "where xid = any (running) and", to: "where false and" },
    { in: read, from: "fetch first max_events rows with ties", to: "limit max_events" },
    {
      in: step,
      from: "seen := pg_current_snapshot();",
      to: "seen := (pg_snapshot_xmax(pg_current_snapshot()) || ':' || pg_snapshot_xmax(pg_current_snapshot()) || ':')::pg_snapshot;",
    },
    { in: step, from: "    seen := etl.position_after(seen, last_xid);\n", to: "" },
  ],
  equivalent: [],
};
