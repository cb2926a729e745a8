import type { Metrics } from "../../core/ports/metrics.ts";
import type { Outage } from "../../core/ports/outage.ts";

/** Whether this process reaches PostgreSQL; served also while it does not. */
export function observeOutage(metrics: Metrics, outage: Pick<Outage, "since">): void {
  const up = metrics.gauge({
    name: "weir_database_up",
    help: "1 while this process reaches PostgreSQL, 0 during an outage",
  });
  const since = metrics.gauge({
    name: "weir_database_unavailable_since_seconds",
    help: "Unix time at which the current outage of PostgreSQL began; 0 without one",
  });
  metrics.onCollect(async () => {
    const began = outage.since();
    up.set(began === undefined ? 1 : 0);
    since.set(began === undefined ? 0 : began.getTime() / 1000);
  });
}
