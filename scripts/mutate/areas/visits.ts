import type { Area } from "../mutant.ts";

const folder = "server/sql/functions/etl";
const inOrder = `${folder}/fold_sessions.sql`;
const tangled = `${folder}/fold_tangled_sessions.sql`;
const staged = `${folder}/staged_sessions.sql`;

/** A user's sessions end after 30 minutes without an event, whatever the order of arrival. */
export const visits: Area = {
  name: "visits",
  sources: [inOrder, tangled, staged],
  tests: [
    "server/src/parts/etl/session-gap.test.ts",
    "server/test/promises/window-oracle.test.ts",
    "server/src/parts/etl/reruns.test.ts",
  ],
  env: { WEIR_TEST_ORACLE_RUNS: "2", WEIR_TEST_ORACLE_CONTROLS: "0", WEIR_TEST_RERUNS: "3" },
  mutations: [
    {
      in: inOrder,
      from: "b.first <= b.ended_at + interval '30 minutes'",
      to: "b.first < b.ended_at + interval '30 minutes'",
    },
    {
      in: inOrder,
      from: "b.first <= b.ended_at + interval '30 minutes'",
      to: "b.first <= b.ended_at + interval '30 minutes 1 millisecond'",
    },
    {
      in: inOrder,
      from: "where simple and first <= ended_at + interval '30 minutes' is not true",
      to: "where simple and first < ended_at + interval '30 minutes' is not true",
    },
    { in: inOrder, from: "greatest(s.ended_at, b.last)", to: "b.last" },
    { in: inOrder, from: "near.started_at <= span.first is not false", to: "true" },
    { in: inOrder, from: "span.last <= span.first + interval '30 minutes'", to: "true" },
    {
      in: tangled,
      from: "rows between unbounded preceding and 1 preceding) <= interval '30 minutes'",
      to: "rows between unbounded preceding and 1 preceding) < interval '30 minutes'",
    },
    {
      in: tangled,
      from: "rows between unbounded preceding and 1 preceding) <= interval '30 minutes'",
      to: "rows between unbounded preceding and 1 preceding) <= interval '31 minutes'",
    },
    { in: tangled, from: "where o.started_at <> merged.started_at", to: "where false" },
    {
      in: staged,
      from: "<= interval '30 minutes' then 0 else 1",
      to: "< interval '30 minutes' then 0 else 1",
    },
    {
      in: staged,
      from: "<= interval '30 minutes' then 0 else 1",
      to: "<= interval '31 minutes' then 0 else 1",
    },
  ],
  equivalent: [
    {
      in: tangled,
      from: "rows between unbounded preceding and 1 preceding) <= interval '30 minutes' then 0 else 1 end as opens",
      to: "rows between unbounded preceding and 1 preceding) <= interval '30 minutes' then 0 else 2 end as opens",
      because: "the sum only has to differ from one session to the next",
    },
  ],
};
