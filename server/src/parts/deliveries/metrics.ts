import type { Queryable } from "../../core/ports/database.ts";
import type { Logger } from "../../core/ports/logger.ts";
import { type Metrics, secondsBuckets } from "../../core/ports/metrics.ts";
import type { DeliveriesOptions } from "./options.ts";

/** What the part of this process does. */
export function observeDeliveries(
  metrics: Metrics,
  logger: Logger,
): Pick<DeliveriesOptions, "onAttempt" | "onNotice" | "onError"> & {
  counters(): Readonly<Record<string, number>>;
} {
  const attempts = metrics.counter({
    name: "weir_deliveries_attempts_total",
    help: "Attempts to deliver an event, by result: delivered, failed (tried again later) or dead (not tried again)",
    labels: ["result"],
  });
  const seconds = metrics.histogram({
    name: "weir_deliveries_attempt_seconds",
    help: "From the start of an attempt to its end, the wait for the answer included",
    buckets: [...secondsBuckets, 10, 30],
  });
  const notices = metrics.counter({
    name: "weir_deliveries_notices_total",
    help: "Decisions of the part that an operator should know: subscriptions paused after failures, disabled after a long pause, deliveries that died",
    labels: ["kind"],
  });
  let delivered = 0;
  return {
    onAttempt({ outcome, settled, latencyMs }) {
      if (outcome.kind === "delivered") delivered++;
      const failed = settled === "dead" ? "dead" : "failed";
      attempts.inc({ result: outcome.kind === "delivered" ? "delivered" : failed });
      seconds.observe(latencyMs / 1_000);
    },
    onNotice({ kind, subscription, reason }) {
      notices.inc({ kind });
      const message = {
        paused: "a subscription was paused; its events are kept: weir subscriptions resume",
        disabled: "a subscription was disabled; its events are no longer kept",
        dead: "the last attempt of a delivery failed; it is dead",
      }[kind];
      logger.warn({ subscription, reason }, message);
    },
    onError: (error) => logger.warn({ err: error }, "deliveries failed and continue by themselves"),
    counters: (): Readonly<Record<string, number>> => ({ delivered }),
  };
}

/** The state of the subscriptions, read from the tables. While the database is unavailable the gauges keep their values. */
export function observeSubscriptions(metrics: Metrics, database: Queryable): void {
  const subscriptions = metrics.gauge({
    name: "weir_deliveries_subscriptions",
    help: "Subscriptions by state: active, paused, disabled",
    labels: ["state"],
  });
  const pending = metrics.gauge({
    name: "weir_deliveries_pending",
    help: "Deliveries that wait for their first or next attempt",
  });
  const oldest = metrics.gauge({
    name: "weir_deliveries_oldest_pending_seconds",
    help: "Age of the oldest delivery of an active subscription that waits",
  });
  const failing = metrics.gauge({
    name: "weir_deliveries_failing_subscriptions",
    help: "Active subscriptions whose last attempt failed",
  });
  metrics.onCollect(async () => {
    const now = await readFigures(database).catch(() => undefined);
    if (now === undefined) return;
    for (const state of ["active", "paused", "disabled"] as const) {
      subscriptions.set({ state }, now[state]);
    }
    pending.set(now.pending);
    oldest.set(now.oldest_seconds);
    failing.set(now.failing);
  });
}

export interface Figures {
  readonly active: number;
  readonly paused: number;
  readonly disabled: number;
  readonly failing: number;
  readonly pending: number;
  readonly oldest_seconds: number;
  /** Names of subscriptions that were paused or disabled by the part, or fail now. */
  readonly troubled: readonly string[];
}

const timeoutMs = 1_500;

export async function readFigures(database: Queryable): Promise<Figures> {
  const [row] = await database.query<Figures>(
    {
      name: "deliveries_figures",
      text: `select count(*) filter (where state = 'active')::int as active,
               count(*) filter (where state = 'paused')::int as paused,
               count(*) filter (where state = 'disabled')::int as disabled,
               count(*) filter (where state = 'active' and failing_since is not null)::int as failing,
               (select count(*)::int from deliveries.deliveries where state = 'pending') as pending,
               coalesce((select greatest(0, extract(epoch from clock_timestamp() - min(d.created_at)))
                 from deliveries.subscriptions a cross join lateral (
                   select created_at from deliveries.deliveries d
                   where d.subscription_id = a.id and d.state = 'pending' order by due_at, id limit 1) d
                 where a.state = 'active'), 0)::float8 as oldest_seconds,
               coalesce((select jsonb_agg(name order by name) from deliveries.subscriptions
                 where state = 'disabled' or (state = 'paused' and state_reason not like 'paused by %')
                   or (state = 'active' and failing_since < clock_timestamp() - interval '10 minutes')), '[]') as troubled
             from deliveries.subscriptions`,
    },
    { timeoutMs },
  );
  return row as Figures;
}
