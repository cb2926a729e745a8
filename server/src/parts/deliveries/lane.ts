/**
 * The deliveries of one subscription, on their way to its destination. A lane holds a few of them in memory and waits for
 * no other lane: a destination that hangs delays its own only.
 */
import type { Database } from "../../core/ports/database.ts";
import type { Destination, Outcome } from "../../core/ports/destination.ts";
import { createBackoff } from "../../timing/backoff.ts";
import { pause } from "../../timing/pause.ts";
import { createWake } from "../../timing/wake.ts";
import { deliveryId } from "./delivery-id.ts";
import type { Settled, Settler } from "./settle.ts";
import type { Slots } from "./slots.ts";
import type { Subscription } from "./subscription.ts";

export interface LaneOptions {
  readonly database: Database;
  readonly subscription: Subscription;
  readonly destination: Destination;
  readonly settler: Settler;
  readonly slots: Slots;
  /** No other process can have taken over. */
  readonly isFresh: () => boolean;
  /** Bytes of bodies that are read ahead; one delivery is always allowed. */
  readonly bufferBytes: () => number;
  /** Before the attempt after the `attempt`-th, from 1. */
  readonly retryDelayMs: (attempt: number) => number;
  readonly onAttempt?: (attempt: Attempt) => void;
  readonly onError?: (error: unknown) => void;
  /** Milliseconds since 1970. */
  readonly now: () => number;
}

export interface Attempt {
  readonly subscription: Subscription;
  readonly eventType: string;
  readonly attempt: number;
  readonly latencyMs: number;
  readonly outcome: Exclude<Outcome, { readonly kind: "held" }>;
  readonly settled: Settled;
}

interface Pending {
  readonly id: string;
  readonly service_id: number;
  readonly event_id: string;
  readonly event_type: string;
  readonly attempts: number;
  readonly body: string;
}

/** Rows read at once, for each delivery that may be on its way. */
const readAhead = 8;
/** Retries of other processes' attempts, and clocks that have stepped, are noticed then. */
const pollMs = 5_000;
const backoffMs = { firstMs: 100, lastMs: 5_000 } as const;
/** A due time further ahead was set before the clock stepped back. */
const furthestHours = 25;

/**
 * $1 subscription, $2 ids that are in memory, $3 rows, $4 bytes. The first row is always there, however large it is.
 */
const readStatement = (ordered: boolean) => `
  select id::text as id, service_id, event_id, event_type, attempts, body from (
    select d.*, sum(bytes) over (order by due_at, id) - bytes as before from (
      select * from deliveries.deliveries d
      where subscription_id = $1 and state = 'pending' and id <> all ($2::bigint[])
        and (due_at <= clock_timestamp() or due_at > clock_timestamp() + interval '${furthestHours} hours')
        ${
          ordered
            ? `and (order_key is null or not exists (
                 select from deliveries.deliveries e
                 where e.subscription_id = $1 and e.state = 'pending' and e.order_key = d.order_key and e.id < d.id))`
            : ""
        }
      order by due_at, id limit $3) d) r
  where before < $4 order by due_at, id`;

export class Lane {
  readonly #options: LaneOptions;
  readonly #wake = createWake();
  /** Read and not recorded yet: waiting, on their way, or being recorded. */
  readonly #known = new Set<string>();
  #buffer: Pending[] = [];
  #inFlight = new Set<Promise<void>>();
  #heldUntil = 0;
  /** Of a retry that this lane has planned. */
  #retryAt = Number.POSITIVE_INFINITY;

  constructor(options: LaneOptions) {
    this.#options = options;
  }

  /** There are new deliveries. */
  wake(): void {
    this.#wake.wake();
  }

  /**
   * Until `closing` aborts: then it starts nothing more and waits for what is on its way, which `abort` ends at once.
   */
  async run(closing: AbortSignal, abort: AbortSignal): Promise<void> {
    const { subscription, destination, onError } = this.#options;
    const backoff = createBackoff(backoffMs);
    try {
      while (!closing.aborted) {
        try {
          await this.#step(subscription.concurrency, { closing, abort });
          backoff.reset();
        } catch (error) {
          if (closing.aborted) break;
          onError?.(error);
          await pause(backoff.next(), closing);
        }
      }
      await Promise.all(this.#inFlight);
    } finally {
      destination.close();
    }
  }

  async #step(
    concurrency: number,
    { closing, abort }: { readonly closing: AbortSignal; readonly abort: AbortSignal },
  ): Promise<void> {
    const held = this.#heldUntil - performance.now();
    if (held > 0) return this.#wake.wait(held, closing);
    if (this.#inFlight.size >= concurrency) return this.#wake.wait(pollMs, closing);
    if (this.#buffer.length === 0) {
      this.#buffer = await this.#read(concurrency * readAhead);
      if (this.#buffer.length === 0) {
        const untilRetry = this.#retryAt - performance.now();
        if (untilRetry <= 0) this.#retryAt = Number.POSITIVE_INFINITY;
        return this.#wake.wait(Math.min(pollMs, Math.max(20, untilRetry)), closing);
      }
    }
    if (!(await this.#options.slots.take(closing))) return;
    const next = this.#buffer.shift();
    if (next === undefined || !this.#options.isFresh()) {
      this.#options.slots.give();
      if (next !== undefined) this.#known.delete(next.id);
      return this.#wake.wait(50, closing);
    }
    const sending = this.#deliver(next, abort).finally(() => {
      this.#inFlight.delete(sending);
      this.#wake.wake();
    });
    this.#inFlight.add(sending);
  }

  async #read(rows: number): Promise<Pending[]> {
    const { database, subscription, bufferBytes } = this.#options;
    const ordered = subscription.order_by !== null;
    const found = await database.query<Pending>({
      name: ordered ? "deliveries_read_ordered" : "deliveries_read",
      text: readStatement(ordered),
      values: [subscription.id, [...this.#known], rows, bufferBytes()],
    });
    for (const { id } of found) this.#known.add(id);
    return found;
  }

  async #deliver(pending: Pending, abort: AbortSignal): Promise<void> {
    const { subscription, destination, slots, settler, now, onError } = this.#options;
    const at = now();
    const began = performance.now();
    try {
      const event = { serviceId: pending.service_id, eventId: pending.event_id };
      const delivery = {
        id: deliveryId(subscription.id, event),
        body: pending.body,
        secrets: subscription.secrets,
      };
      const outcome = await destination.send(delivery, abort).finally(() => slots.give());
      if (outcome.kind === "held") {
        this.#hold(outcome.retryAfterMs);
        return;
      }
      const latencyMs = performance.now() - began;
      const attempt = pending.attempts + 1;
      const delayMs = this.#delayAfter(outcome, attempt);
      const settled = await settler.settle({ id: pending.id, at, latencyMs, outcome, delayMs });
      const { event_type: eventType } = pending;
      this.#options.onAttempt?.({ subscription, eventType, attempt, latencyMs, outcome, settled });
    } catch (error) {
      if (!abort.aborted) onError?.(error);
    } finally {
      this.#known.delete(pending.id);
    }
  }

  #delayAfter(outcome: Outcome, attempt: number): number {
    if (outcome.kind !== "failed") return 0;
    const { retryAfterMs } = outcome;
    const delayMs = Math.max(this.#options.retryDelayMs(attempt), retryAfterMs ?? 0);
    // the receiver speaks for all deliveries
    if (retryAfterMs !== undefined) this.#hold(retryAfterMs);
    this.#retryAt = Math.min(this.#retryAt, performance.now() + delayMs);
    return delayMs;
  }

  #hold(ms: number): void {
    this.#heldUntil = Math.max(this.#heldUntil, performance.now() + ms);
  }
}
