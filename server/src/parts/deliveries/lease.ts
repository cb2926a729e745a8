import type { Queryable } from "../../core/ports/database.ts";
import { Stillness } from "../../core/stillness.ts";
import { keepBeating } from "../../timing/heartbeat.ts";

/** Of the process's own monotonic clock, without a change of the heartbeat. */
const takeoverAfterMs = 5_000;
const heartbeatEveryMs = 1_000;
/** Less than a takeover takes: a process that was frozen sends nothing before it has heard from the database. */
const freshMs = 3_500;

export interface Lease {
  readonly epoch: string;
}

/** Undefined while another process delivers. */
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
      text: "select epoch || ' ' || heartbeat_at::text as heartbeat from deliveries.state",
    });
    const isDead =
      held !== undefined && stillness.of("deliveries", held.heartbeat) >= takeoverAfterMs;
    const [taken] = await database.query<{ epoch: string }>({
      text: `update deliveries.state set epoch = epoch + 1, owner = $1, heartbeat_at = clock_timestamp()
             where heartbeat_at = 'epoch' or epoch || ' ' || heartbeat_at::text = $2
             returning epoch::text as epoch`,
      values: [owner, isDead ? held.heartbeat : null],
    });
    return taken;
  };
}

/** The next process need not wait for the lease to expire. */
export async function releaseLease(database: Queryable, { epoch }: Lease): Promise<void> {
  await database.query({
    text: "update deliveries.state set heartbeat_at = 'epoch' where epoch = $1",
    values: [epoch],
  });
}

export interface KeptLease {
  /** No other process can have taken it over. */
  isFresh(): boolean;
  /** Resolves when it is lost, or after an abort. */
  readonly ended: Promise<void>;
}

export function keepLease(database: Queryable, { epoch }: Lease, signal: AbortSignal): KeptLease {
  // the time before the statement: the heartbeat is at least as young
  let beatenAt = performance.now();
  const beat = async () => {
    const began = performance.now();
    const beaten = await database.query({
      name: "deliveries_beat",
      text: "update deliveries.state set heartbeat_at = clock_timestamp() where epoch = $1 returning epoch",
      values: [epoch],
    });
    if (beaten.length === 0) return false;
    beatenAt = began;
    return true;
  };
  const ended = keepBeating(beat, { everyMs: heartbeatEveryMs, signal });
  return { isFresh: () => performance.now() - beatenAt < freshMs, ended };
}
