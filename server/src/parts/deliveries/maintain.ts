/** Regular work beside the deliveries: pauses what fails for too long, disables what is paused for too long, deletes. */
import type { Queryable } from "../../core/ports/database.ts";
import { disableSubscription } from "./change-state.ts";
import type { Limits, Notice } from "./options.ts";
import type { Change } from "./ports.ts";

export interface Maintenance extends Change {
  readonly limits: Limits;
  readonly onPause: (id: string, reason: string) => Promise<void>;
  readonly onNotice?: (notice: Notice) => void;
}

/** Of one statement. */
const rows = 5_000;
const timeoutMs = 60_000;

export async function maintain(maintenance: Maintenance): Promise<void> {
  const { database, limits } = maintenance;
  for (const { id } of await failing(database, limits.pauseAfterHours)) {
    await maintenance.onPause(id, `nothing was delivered for ${limits.pauseAfterHours} hours`);
  }
  for (const { id, name } of await abandoned(database, limits.disableAfterDays)) {
    const reason = `it was paused for ${limits.disableAfterDays} days`;
    const disabled = await disableSubscription(maintenance, id, reason);
    if (disabled === undefined) continue;
    maintenance.onNotice?.({ kind: "disabled", subscription: name, reason });
  }
  while ((await sweep(database, limits)) === rows);
}

interface Found {
  readonly id: string;
  readonly name: string;
}

function failing(database: Queryable, hours: number): Promise<readonly Found[]> {
  return database.query<Found>({
    text: `select id, name from deliveries.subscriptions
           where state = 'active' and failing_since < clock.earliest() - make_interval(hours => $1)`,
    values: [hours],
  });
}

function abandoned(database: Queryable, days: number): Promise<readonly Found[]> {
  return database.query<Found>({
    text: `select id, name from deliveries.subscriptions
           where state = 'paused' and state_since < clock.earliest() - make_interval(days => $1)`,
    values: [days],
  });
}

/** Deliveries that have ended: those that are too old or too many, and those of deleted subscriptions. */
async function sweep(database: Queryable, { logHours, logDeliveries }: Limits): Promise<number> {
  const deleted = await database.query(
    {
      text: `with surplus as (
               select finished_at from deliveries.deliveries where finished_at is not null
               order by finished_at desc offset $2 limit 1),
             ended as (
               (select id from deliveries.deliveries
                where finished_at < greatest(clock.earliest() - make_interval(hours => $1), (select finished_at from surplus))
                order by finished_at limit ${rows})
               union
               (select id from deliveries.deliveries d
                where subscription_id <> all (array(select id from deliveries.subscriptions)) limit ${rows}))
             delete from deliveries.deliveries where id in (select id from ended limit ${rows}) returning 1 as one`,
      values: [logHours, logDeliveries],
    },
    { timeoutMs },
  );
  return deleted.length;
}
