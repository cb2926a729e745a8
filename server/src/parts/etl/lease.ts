/**
 * Only one worker is active at a time: it holds a lease with an epoch. Another worker takes over when it has seen
 * the same heartbeat for three seconds of its own monotonic clock; what the heartbeat says counts for nothing, so a
 * clock that steps neither ends a lease nor prolongs it. The epoch is kept with the position too, where
 * every step checks it: the steps of a worker that was suspended during a takeover are refused.
 */
import type { Queryable } from "../../core/ports/database.ts";
import { Stillness } from "../../core/stillness.ts";
import { keepBeating } from "../../timing/heartbeat.ts";

const takeoverAfterMs = 3_000;
const heartbeatEveryMs = 1_000;

export interface Lease {
  readonly epoch: number;
  readonly owner: string;
}

/** Undefined while another worker's heartbeat may be fresh. Waits for a step of a dead worker to end. */
export type TakeLease = () => Promise<Lease | undefined>;

/** @param monotonic milliseconds, as `performance.now()` */
export function createLeaseTaker(
  database: Queryable,
  owner: string,
  monotonic: () => number = () => performance.now(),
): TakeLease {
  const stillness = new Stillness(monotonic);
  return async () => {
    const [held] = await database.query<{ heartbeat: string }>({
      text: "select epoch || ' ' || heartbeat_at::text as heartbeat from etl.leases where reader = 'windows'",
    });
    const isDead = held !== undefined && stillness.of("windows", held.heartbeat) >= takeoverAfterMs;
    const [taken] = await database.query<{ epoch: string }>({
      text: `with taken as (
               insert into etl.leases as l (reader, epoch, owner, heartbeat_at)
               select name, epoch + 1, $1, clock_timestamp() from log.readers where name = 'windows'
               on conflict (reader) do update
               set epoch = l.epoch + 1, owner = excluded.owner, heartbeat_at = clock_timestamp()
               where l.heartbeat_at = 'epoch' or l.epoch || ' ' || l.heartbeat_at::text = $2
               returning epoch
             )
             update log.readers r set epoch = taken.epoch from taken where r.name = 'windows'
             returning r.epoch`,
      values: [owner, isDead ? held.heartbeat : null],
    });
    return taken === undefined ? undefined : { epoch: Number(taken.epoch), owner };
  };
}

/** Releases the lease, so that the next worker need not wait for it to expire. */
export async function releaseLease(database: Queryable, lease: Lease): Promise<void> {
  await database.query({
    text: "update etl.leases set heartbeat_at = 'epoch' where reader = 'windows' and epoch = $1",
    values: [lease.epoch],
  });
}

/** Keeps the lease until aborted; resolves when it is lost. */
export function keepLease(database: Queryable, lease: Lease, signal: AbortSignal): Promise<void> {
  const beat = async () => {
    const beaten = await database.query({
      text: `update etl.leases set heartbeat_at = clock_timestamp()
             where reader = 'windows' and epoch = $1 returning epoch`,
      values: [lease.epoch],
    });
    return beaten.length > 0;
  };
  return keepBeating(beat, { everyMs: heartbeatEveryMs, signal });
}
