/**
 * Takes the erased histories back from the windows, one day at a time: light users together, and in turn with them the user of
 * the oldest request, so a heavy user does not hold up others and is not held up by them.
 */
import type { Database } from "../../core/ports/database.ts";
import { pause } from "../../timing/pause.ts";
import { advance, idsOf, type OpenRequest, steps } from "./open-requests.ts";

/** Some 50 ms. */
const factsAtOnce = 5_000;
/** Users with together at most this many events share their slices. */
const groupEvents = 20_000;
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

export interface WindowCorrector {
  /** One slice; requests without any rows left complete the step. */
  correct(requests: readonly OpenRequest[], signal: AbortSignal): Promise<void>;
}

export function createWindowCorrector(database: Database): WindowCorrector {
  let slices = 0;
  return {
    async correct(requests, signal) {
      const daysOf = await readDays(database, requests);
      await complete(
        database,
        requests.filter(({ analytics_user: user }) => !daysOf.has(user ?? -1)),
      );
      const left = requests.filter(({ analytics_user: user }) => daysOf.has(user ?? -1));
      const [first] = left;
      if (first === undefined) return;
      // every other slice is of the oldest request, so it ends however many light ones arrive
      const group = slices++ % 2 === 0 ? lightest(left) : [first];
      const started = performance.now();
      await retractDay(database, group, daysOf);
      // the ETL, which may wait for the position, has its turn
      await pause(performance.now() - started, signal);
    },
  };
}

/** The requests with the fewest events, as many as share a slice. */
function lightest(requests: readonly OpenRequest[]): readonly OpenRequest[] {
  let events = 0;
  const group: OpenRequest[] = [];
  for (const request of requests.toSorted((a, b) => a.raw_events - b.raw_events)) {
    events += request.raw_events;
    if (group.length > 0 && events > groupEvents) break;
    group.push(request);
  }
  return group;
}

async function complete(database: Database, done: readonly OpenRequest[]): Promise<void> {
  if (done.length === 0) return;
  // the row of the user itself
  await database.query({
    text: `update erasure.requests set analytics_rows = analytics_rows + 1
           where id = any ($1::uuid[]) and step = $2 and analytics_user is not null`,
    values: [idsOf(done), steps.separated],
  });
  await advance(database, done, steps.analytics);
}

/** Of the group, the day that most of them have left. */
async function retractDay(
  database: Database,
  group: readonly OpenRequest[],
  daysOf: ReadonlyMap<number, readonly number[]>,
): Promise<void> {
  const usersOn = new Map<number, number[]>();
  for (const { analytics_user: user } of group) {
    if (user === null) continue;
    for (const day of daysOf.get(user) ?? []) {
      usersOn.set(day, [...(usersOn.get(day) ?? []), user]);
    }
  }
  const [shared] = [...usersOn].sort(([, a], [, b]) => b.length - a.length);
  if (shared === undefined) return;
  const [day, users] = shared;
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
