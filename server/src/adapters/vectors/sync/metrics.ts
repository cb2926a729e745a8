import type { Metrics } from "../../../core/ports/metrics.ts";
import type { VectorSync } from "./sync.ts";

/** How far the vector store is behind, by collection. */
export function observeSync(metrics: Metrics, sync: VectorSync): void {
  const labels = ["collection"];
  const points = metrics.gauge({
    name: "weir_sync_waiting_points",
    help: "Points in PostgreSQL that the vector store does not have yet",
    labels,
  });
  const seconds = metrics.gauge({
    name: "weir_sync_lag_seconds",
    help: "Time since the vector store last had every point; 0 while it has",
    labels,
  });
  metrics.onCollect(async () => {
    for (const lag of await sync.stats().catch(() => [])) {
      points.set({ collection: lag.collection }, lag.lagPoints);
      seconds.set({ collection: lag.collection }, lag.lagSeconds);
    }
  });
}
