import type { Area } from "../mutant.ts";

const folder = "server/sql/functions/etl";

/** Analytics equal the raw events: counts, revenue, users, carts. */
export const windows: Area = {
  name: "windows",
  sources: [
    "fold_counts",
    "fold_users",
    "fold_items",
    "fold_products",
    "fold_key_facts",
    "correct_purchases",
    "find_last_views",
  ].map((name) => `${folder}/${name}.sql`),
  tests: ["server/src/parts/etl/key-facts.test.ts", "server/test/promises/window-oracle.test.ts"],
  env: { WEIR_TEST_ORACLE_RUNS: "2", WEIR_TEST_ORACLE_CONTROLS: "0" },
  mutations: [
    {
      in: `${folder}/fold_users.sql`,
      from: "set minutes = u.minutes | excluded.minutes\n",
      to: "set minutes = excluded.minutes\n",
    },
    {
      in: `${folder}/fold_users.sql`,
      from: "where m.before & etl.bit_of_day(d.day) = 0 group by 2",
      to: "group by 2",
    },
    {
      in: `${folder}/fold_counts.sql`,
      from: "update set events = w.events + excluded.events, updated_at",
      to: "update set events = excluded.events, updated_at",
    },
    {
      in: `${folder}/fold_counts.sql`,
      from: "coalesce(sum(abs(amount)) filter",
      to: "coalesce(sum(amount) filter",
    },
    {
      in: `${folder}/fold_counts.sql`,
      from: "where action in (3, 4) and amount is not null",
      to: "where action in (3, 4)",
    },
    {
      in: `${folder}/fold_key_facts.sql`,
      from: "k.occurred_at >= v.first and k.action = 2",
      to: "false",
    },
    { in: `${folder}/correct_purchases.sql`, from: "k.occurred_at >= carts.first", to: "false" },
    {
      in: `${folder}/correct_purchases.sql`,
      from: "min(occurred_at) as first",
      to: "max(occurred_at) as first",
    },
  ],
  equivalent: [
    {
      in: `${folder}/fold_key_facts.sql`,
      from: "select user_id, min(occurred_at) as first from batch where action = 1 and user_id is not null group by 1",
      to: "select user_id, min(occurred_at) as first from batch where action = 1 or user_id is not null group by 1",
      because:
        "more users are looked at, and of one without a view in the batch nothing is corrected",
    },
  ],
};
