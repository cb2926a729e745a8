/**
 * The part `deliveries`: turns accepted events into deliveries and sends them, at least once. Several processes may run it;
 * one holds the lease and delivers, the others wait for its heartbeat to stop. Without subscriptions it does nothing.
 */
import { messageOf } from "../../core/errors.ts";
import type { Database } from "../../core/ports/database.ts";
import type { Part } from "../../core/ports/part.ts";
import { createBackoff } from "../../timing/backoff.ts";
import { pause } from "../../timing/pause.ts";
import { createWake } from "../../timing/wake.ts";
import { createLeaseTaker, keepLease, type Lease, releaseLease } from "./lease.ts";
import type { DeliveriesOptions } from "./options.ts";
import { channel } from "./ports.ts";
import { Session } from "./session.ts";

const idlePollMs = 10_000;
const standbyMs = 1_000;
const backoffMs = { firstMs: 100, lastMs: 5_000 } as const;

export function createDeliveries(options: DeliveriesOptions): Part {
  const { database, notifications, owner } = options;
  let problem: string | undefined;

  async function run(signal: AbortSignal): Promise<void> {
    const takeLease = createLeaseTaker(database, owner);
    const wake = createWake();
    const unsubscribe = notifications.subscribe(channel, () => wake.wake());
    const backoff = createBackoff(backoffMs);
    try {
      while (!signal.aborted) {
        try {
          if (!(await hasWork(database))) {
            problem = undefined;
            await wake.wait(idlePollMs, signal);
            continue;
          }
          const lease = await takeLease();
          if (lease === undefined) await pause(standbyMs, signal);
          else await lead(lease, signal);
          problem = undefined;
          backoff.reset();
        } catch (error) {
          if (signal.aborted) return;
          problem = messageOf(error);
          options.onError?.(error);
          await pause(backoff.next(), signal);
        }
      }
    } finally {
      unsubscribe();
    }
  }

  async function lead(lease: Lease, stop: AbortSignal): Promise<void> {
    const beating = new AbortController();
    const lost = new AbortController();
    const kept = keepLease(database, lease, beating.signal);
    const ended = kept.ended.finally(() => lost.abort());
    const session = new Session({ ...options, lease, isFresh: kept.isFresh });
    try {
      await session.run({ stop, lost: lost.signal });
    } finally {
      beating.abort();
      await ended;
      await releaseLease(database, lease).catch(() => {});
    }
  }

  return { name: "deliveries", problem: () => problem, run };
}

async function hasWork(database: Database): Promise<boolean> {
  const [row] = await database.query<{ work: boolean }>({
    name: "deliveries_has_work",
    text: "select exists (select from deliveries.subscriptions) or exists (select from deliveries.deliveries) as work",
  });
  return row?.work === true;
}
