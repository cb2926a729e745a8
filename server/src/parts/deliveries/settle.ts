/** Records what became of attempts, several at a time, under the epoch of the lease. */
import type { Database, Queryable } from "../../core/ports/database.ts";
import type { Outcome } from "../../core/ports/destination.ts";
import { createBackoff } from "../../timing/backoff.ts";
import { pause } from "../../timing/pause.ts";
import { createWake } from "../../timing/wake.ts";

export interface Result {
  readonly id: string;
  /** Milliseconds since 1970. */
  readonly at: number;
  readonly latencyMs: number;
  readonly outcome: Exclude<Outcome, { readonly kind: "held" }>;
  /** Until the next attempt, if there is one. */
  readonly delayMs: number;
}

export type Settled = "delivered" | "pending" | "dead" | "gone";

export interface Settler {
  /** What the delivery is after the attempt; rejects when another process delivers by now. */
  settle(result: Result): Promise<Settled>;
  /** Resolves when everything is recorded, or cannot be. */
  run(signal: AbortSignal): Promise<void>;
}

export interface SettlerOptions {
  readonly database: Database;
  readonly epoch: string;
  /** A delivery that is older, and whose subscription has been active for longer, is dead after a failed attempt. */
  readonly giveUpAfterHours: () => number;
}

/** Results that wait are recorded together. */
const batch = 200;
const gatherMs = 5;
const timeoutMs = 10_000;
const backoffMs = { firstMs: 100, lastMs: 2_000 } as const;
/** After the order to stop. */
const lastTries = 3;

interface Waiting {
  readonly result: Result;
  readonly resolve: (settled: Settled) => void;
  readonly reject: (error: unknown) => void;
}

/** Another process delivers. */
class LeaseLost extends Error {
  override readonly name = "LeaseLost";
}

export function createSettler(options: SettlerOptions): Settler {
  const waiting: Waiting[] = [];
  const wake = createWake();
  const never = new AbortController().signal;

  async function record(work: readonly Waiting[], signal: AbortSignal): Promise<void> {
    const backoff = createBackoff(backoffMs);
    for (let tries = 1; ; tries++) {
      try {
        const states = await write(
          options,
          work.map(({ result }) => result),
        );
        for (const { result, resolve } of work) resolve(states.get(result.id) ?? "gone");
        return;
      } catch (error) {
        if (error instanceof LeaseLost || (signal.aborted && tries >= lastTries)) {
          for (const { reject } of work) reject(error);
          return;
        }
        // PostgreSQL is down: what was delivered is not forgotten while this process lives
        await pause(backoff.next(), signal.aborted ? never : signal);
      }
    }
  }

  return {
    settle(result) {
      return new Promise<Settled>((resolve, reject) => {
        waiting.push({ result, resolve, reject });
        wake.wake();
      });
    },
    async run(signal) {
      while (!signal.aborted || waiting.length > 0) {
        if (waiting.length === 0) {
          await wake.wait(1_000, signal);
          continue;
        }
        if (waiting.length < batch && !signal.aborted) await pause(gatherMs, signal);
        await record(waiting.splice(0, batch), signal);
      }
    },
  };
}

async function write(
  { database, epoch, giveUpAfterHours }: SettlerOptions,
  results: readonly Result[],
): Promise<ReadonlyMap<string, Settled>> {
  return database.transaction(
    async (connection) => {
      const [state] = await connection.query({
        name: "deliveries_epoch",
        text: "select from deliveries.state where epoch = $1 for share",
        values: [epoch],
      });
      if (state === undefined) throw new LeaseLost("another process delivers");
      const rows = await connection.query<{ id: string; state: Settled; attempts: number }>({
        name: "deliveries_settle",
        text: `update deliveries.deliveries d
               set attempts = d.attempts + 1, last_error = r.error,
                 state = case when r.delivered then 'delivered'
                   when greatest(d.created_at, s.state_since) < clock.earliest() - make_interval(hours => $5) then 'dead'
                   else 'pending' end,
                 due_at = case when r.delivered then d.due_at
                   else clock_timestamp() + r.delay_ms * interval '1 millisecond' end,
                 finished_at = case when r.delivered
                   or greatest(d.created_at, s.state_since) < clock.earliest() - make_interval(hours => $5) then clock.latest() end
               from unnest($1::bigint[], $2::boolean[], $3::text[], $4::float8[]) as r (id, delivered, error, delay_ms),
                 deliveries.subscriptions s
               where d.id = r.id and d.state = 'pending' and s.id = d.subscription_id
               returning d.id::text as id, d.state, d.attempts`,
        values: [
          results.map(({ id }) => id),
          results.map(({ outcome }) => outcome.kind === "delivered"),
          results.map(({ outcome }) =>
            outcome.kind === "failed" ? outcome.error.slice(0, 500) : null,
          ),
          results.map(({ delayMs }) => delayMs),
          giveUpAfterHours(),
        ],
      });
      await addAttempts(connection, results, new Map(rows.map((row) => [row.id, row.attempts])));
      return new Map(rows.map(({ id, state: settled }) => [id, settled]));
    },
    { timeoutMs },
  );
}

/** A delivery that is gone (its user was erased) gets none. */
async function addAttempts(
  connection: Queryable,
  results: readonly Result[],
  numbers: ReadonlyMap<string, number>,
): Promise<void> {
  const made = results.filter(({ id }) => numbers.has(id));
  await connection.query({
    name: "deliveries_attempts",
    text: `insert into deliveries.attempts (delivery_id, number, at, latency_ms, status, error, answer)
           select * from unnest($1::bigint[], $2::int[], $3::timestamptz[], $4::real[], $5::int[], $6::text[], $7::text[])
           on conflict do nothing`,
    values: [
      made.map(({ id }) => id),
      made.map(({ id }) => numbers.get(id)),
      made.map(({ at }) => new Date(at)),
      made.map(({ latencyMs }) => latencyMs),
      made.map(({ outcome }) => outcome.status),
      made.map(({ outcome }) => (outcome.kind === "failed" ? outcome.error.slice(0, 500) : null)),
      made.map(({ outcome }) => outcome.answer),
    ],
  });
}
