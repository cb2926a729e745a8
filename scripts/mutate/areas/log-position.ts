import type { Area } from "../mutant.ts";

const unread = "server/sql/functions/log/unread.sql";
const after = "server/sql/functions/log/position_after.sql";
const next = "server/sql/functions/log/page_after.sql";
const since = "server/sql/functions/log/since.sql";
const advance = "server/sql/functions/log/advance.sql";
const step = "server/sql/functions/etl/step.sql";
const position = "server/src/core/position.ts";
const cursor = "server/src/parts/gateway/cursor.ts";

const everything =
  "(pg_snapshot_xmax(pg_current_snapshot()) || ':' || pg_snapshot_xmax(pg_current_snapshot()) || ':')::pg_snapshot";

/** A late commit is lost by no reader, and delays none. */
export const logPosition: Area = {
  name: "log-position",
  sources: [unread, after, next, since, advance, position, cursor],
  tests: [
    "server/src/core/position.test.ts",
    "server/src/parts/gateway/cursor.test.ts",
    "server/src/parts/etl/position.test.ts",
    "server/src/parts/log/range-reader.test.ts",
    "server/src/parts/log/page-reader.test.ts",
    "server/test/promises/slow-transaction.test.ts",
    "server/src/parts/gateway/resume.test.ts",
  ],
  env: { WEIR_TEST_HELD_MS: "200" },
  mutations: [
    { in: after, from: "on x::text::numeric < cut", to: "on false" },
    {
      in: after,
      from: "last_xid::text::numeric + 1 as cut",
      to: "last_xid::text::numeric + 2 as cut",
    },
    { in: unread, from: 'xid = any (array(select pg_snapshot_xip("position")))', to: "false" },
    { in: unread, from: "fetch first max_events rows with ties", to: "limit max_events" },
    { in: step, from: "select pg_current_snapshot(),", to: `select ${everything},` },
    { in: next, from: "select pg_current_snapshot(),", to: `select ${everything},` },
    { in: since, from: "least(kept,", to: "coalesce(kept," },
    { in: advance, from: "r.position::text = from_position::text", to: "true" },
    { in: next, from: "to_position := log.position_after(to_position, page.last_xid);", to: "" },
    { in: position, from: "if (xid <= before || xid >= xmax) return false;", to: "" },
    {
      in: position,
      from: "xid < position.xmax && !position.xip.includes(xid)",
      to: "xid < position.xmax",
    },
    { in: cursor, from: "follows(end, place.from) &&", to: "" },
  ],
  equivalent: [],
};
