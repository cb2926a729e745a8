/**
 * Takes the erased history back from the windows, one day at a time for all users who were present on it. The user with the
 * fewest days left comes first, so a heavy user does not hold up others.
 */
import type { Database } from "../../core/ports/database.ts";
import { pause } from "../../timing/pause.ts";
import { advance, idsOf, type OpenRequest, steps } from "./open-requests.ts";

/** Some 50 ms. */
const factsAtOnce = 5_000;
const sliceTimeoutMs = 120_000;

/** Separates what the windows count of the erased events from what comes later. */
export async function separateHistory(
  database: Database,
  requests: readonly OpenRequest[],
): Promise<void> {
  await database.query(
    { text: "select erasure.retire($1::uuid[])", values: [idsOf(requests)] },
    { timeoutMs: sliceTimeoutMs },
  );
}

/** One slice; requests without any rows left complete the step. */
export async function correctWindows(
  database: Database,
  requests: readonly OpenRequest[],
  signal: AbortSignal,
): Promise<void> {
  const daysOf = await readDays(database, requests);
  const done = requests.filter(({ analytics_user: user }) => daysOf.get(user ?? -1) === undefined);
  if (done.length > 0) {
    // the row of the user itself
    await database.query({
      text: `update erasure.requests set analytics_rows = analytics_rows + 1
             where id = any ($1::uuid[]) and step = $2 and analytics_user is not null`,
      values: [done.map(({ id }) => id), steps.separated],
    });
    await advance(database, done, steps.analytics);
  }
  const day = nextDay(daysOf);
  if (day === undefined) return;
  const users = [...daysOf].filter(([, days]) => days.includes(day)).map(([user]) => user);
  const started = performance.now();
  await database.query(
    {
      text: `with taken as materialized (select * from etl.retract_day($1::int[], $2, $3))
             update erasure.requests q
             set analytics_rows = q.analytics_rows + u.deleted,
               hours_corrected = q.hours_corrected + case when taken.kept then 0 else u.hours end,
               hours_kept = q.hours_kept + case when taken.kept then u.hours else 0 end
             from taken cross join lateral unnest($1::int[], taken.deleted, taken.hours) u (user_id, deleted, hours)
             where q.analytics_user = u.user_id and q.state <> 'done'`,
      values: [users, day, factsAtOnce],
    },
    { timeoutMs: sliceTimeoutMs },
  );
  // the ETL, which may wait for the position, has its turn
  await pause(performance.now() - started, signal);
}

async function readDays(
  database: Database,
  requests: readonly OpenRequest[],
): Promise<ReadonlyMap<number, readonly number[]>> {
  const users = requests.flatMap(({ analytics_user: user }) => (user === null ? [] : [user]));
  const rows = await database.query<{ user_id: number; days: number[] }>({
    text: "select user_id, array_agg(day order by day desc) as days from etl.days_of_users($1::int[]) group by user_id",
    values: [users],
  });
  return new Map(rows.map(({ user_id: user, days }) => [user, days]));
}

function nextDay(daysOf: ReadonlyMap<number, readonly number[]>): number | undefined {
  let fewest: readonly number[] | undefined;
  for (const days of daysOf.values()) {
    if (fewest === undefined || days.length < fewest.length) fewest = days;
  }
  return fewest?.[0];
}
