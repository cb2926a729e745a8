import type { Queryable } from "../../core/ports/database.ts";
import { Stillness } from "../../core/stillness.ts";
import { keepBeating } from "../../timing/heartbeat.ts";

/** Of the process's own monotonic clock, without a change of the heartbeat. */
const takeoverAfterMs = 5_000;
const heartbeatEveryMs = 1_000;

export interface Lease {
  readonly epoch: string;
}

/** Undefined while another process relays. */
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
      text: "select epoch || ' ' || heartbeat_at::text as heartbeat from relay.state",
    });
    const isDead = held !== undefined && stillness.of("relay", held.heartbeat) >= takeoverAfterMs;
    const [taken] = await database.query<{ epoch: string }>({
      text: `update relay.state set epoch = epoch + 1, owner = $1, heartbeat_at = clock_timestamp()
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
    text: "update relay.state set heartbeat_at = 'epoch' where epoch = $1",
    values: [epoch],
  });
}

/** Keeps the lease until aborted; resolves when it is lost. */
export function keepLease(
  database: Queryable,
  { epoch }: Lease,
  signal: AbortSignal,
): Promise<void> {
  const beat = async () => {
    const beaten = await database.query({
      text: "update relay.state set heartbeat_at = clock_timestamp() where epoch = $1 returning epoch",
      values: [epoch],
    });
    return beaten.length > 0;
  };
  return keepBeating(beat, { everyMs: heartbeatEveryMs, signal });
}
