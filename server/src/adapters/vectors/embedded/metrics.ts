import type { Logger } from "../../../core/ports/logger.ts";
import type { Metrics } from "../../../core/ports/metrics.ts";
import type { EmbeddedStore } from "./store.ts";

/** Size and freshness of the index in memory, by collection. */
export function observeIndex(metrics: Metrics, store: EmbeddedStore): void {
  const labels = ["collection"];
  const gauge = (name: string, help: string) => metrics.gauge({ name, help, labels });
  const points = gauge("weir_index_points", "Points in the index");
  const bytes = gauge("weir_index_bytes", "Memory of the index");
  const lag = gauge("weir_index_lag_seconds", "Time since the index last read changes");
  const load = gauge("weir_index_load_seconds", "Time it took to load the index");
  metrics.onCollect(async () => {
    for (const metric of [points, bytes, lag, load]) metric.reset();
    for (const { collection, ...stats } of store.stats()) {
      points.set({ collection }, stats.points);
      bytes.set({ collection }, stats.bytes);
      lag.set({ collection }, stats.lagMs / 1000);
      load.set({ collection }, stats.loadMs / 1000);
    }
  });
}

/** Logs what the store reports: loads, evictions, failures. */
export function logIndexEvent(
  logger: Logger,
  { event: what, error, ...about }: { readonly event: string; readonly error?: Error },
): void {
  if (error === undefined) logger.info({ ...about, what }, "vector index");
  else logger.warn({ ...about, what, err: error }, "vector index");
}
