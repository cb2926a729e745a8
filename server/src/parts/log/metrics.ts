import type { Queryable } from "../../core/ports/database.ts";
import { checkTimeoutMs } from "../../core/ports/health-check.ts";
import type { Metrics } from "../../core/ports/metrics.ts";
import { lagCountsAtMost, readLag } from "./lag.ts";
import { listReaders } from "./readers.ts";

/** How far each registered reader is behind. While the database is unavailable the gauges keep their values. */
export function observeReaders(metrics: Metrics, database: Queryable): void {
  const labels = ["reader"];
  const unread = metrics.gauge({
    name: "weir_log_unread_events",
    help: `Raw events that a reader of the raw log has not processed, counted up to ${lagCountsAtMost}`,
    labels,
  });
  const oldest = metrics.gauge({
    name: "weir_log_oldest_unread_seconds",
    help: "Time since the oldest of those events was received; 0 when there is none",
    labels,
  });
  const limit = { timeoutMs: checkTimeoutMs };
  metrics.onCollect(async () => {
    const readers = await listReaders(database, limit).catch(() => undefined);
    if (readers === undefined) return;
    // readers may have been removed
    unread.reset();
    oldest.reset();
    for (const { name } of readers) {
      const lag = await readLag(database, name, limit).catch(() => undefined);
      if (lag === undefined) continue;
      unread.set({ reader: name }, lag.events);
      oldest.set({ reader: name }, lag.seconds);
    }
  });
}
