import type { Area } from "../mutant.ts";

const incarnation = "server/sql/functions/log/incarnation.sql";
const begin = "server/sql/functions/log/begin_incarnation.sql";
const survived = "server/sql/functions/log/survived.sql";
const renumber = "server/sql/functions/log/renumber_restored.sql";
const anchor = "server/src/parts/gateway/anchor.ts";
const feed = "server/src/parts/gateway/feed.ts";
const replay = "server/src/parts/gateway/replay.ts";
const points = "server/src/adapters/vectors/feed.ts";
const scan = "server/src/parts/log/scan.ts";
const range = "server/src/parts/log/range-reader.ts";

/** What is held outside the database ends with the server's incarnation, or is proven to outlive it. */
export const incarnations: Area = {
  name: "incarnation",
  sources: [incarnation, begin, survived, renumber, anchor, feed, replay, points, scan, range],
  tests: [
    "server/src/parts/log/incarnation.test.ts",
    "server/src/parts/log/restored.test.ts",
    "server/src/parts/gateway/incarnation.test.ts",
    "server/src/parts/gateway/anchor.test.ts",
    "server/src/adapters/vectors/feed.test.ts",
  ],
  mutations: [
    {
      in: incarnation,
      from: "split_part(last.cluster, '/', 1) <> split_part(home, '/', 1)",
      to: "false",
    },
    { in: begin, from: "case when last.cluster = home then", to: "case when true then" },
    { in: survived, from: "later.survived < settled", to: "later.survived > settled" },
    { in: survived, from: "settled <= pg_current_wal_insert_lsn() and ", to: "" },
    {
      in: renumber,
      from: "and not exists (select from restored_unread u where u.xid = e.xid)",
      to: "",
    },
    { in: renumber, from: " or e.xid < '100'", to: "" },
    {
      in: anchor,
      from: "for (const key of this.#sinceNext) this.#sincePlace.add(key);",
      to: "",
    },
    { in: anchor, from: "this.#next.settled > flushed", to: "false" },
    {
      in: feed,
      from: "if (read.incarnation !== place.incarnation) return this.#recover(read.incarnation, signal);",
      to: "",
    },
    { in: feed, from: "if (this.#anchor.isNew(event)) {", to: "{" },
    { in: feed, from: "await this.#readRound(this.#place, signal);\n  }", to: "}" },
    {
      in: replay,
      from: "if (cursor.settled === undefined) return undefined;",
      to: "if (cursor.settled === undefined) return { ...cursor, incarnation };",
    },
    { in: replay, from: "return isValid ? ", to: "return isValid || true ? " },
    { in: points, from: "if (!isKnown || !isCurrent) {", to: "if (!isKnown) {" },
    { in: scan, from: "range.incarnation !== row.incarnation", to: "false" },
    { in: range, from: " as moved where log.incarnation() = $7", to: " as moved where $7 <> ''" },
  ],
  equivalent: [],
};
