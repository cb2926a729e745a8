import type { Logger } from "../../core/ports/logger.ts";
import { type Metrics, secondsBuckets } from "../../core/ports/metrics.ts";
import type { IngestObserver } from "./ports.ts";

export interface MeasuredIngest extends IngestObserver {
  /** Events by verdict, for the status line of `weir up`. */
  readonly totals: Readonly<Record<string, number>>;
}

/** Measures the accept path and logs one line per group; cheap enough for the hot path. */
export function observeIngest(metrics: Metrics, logger: Logger): MeasuredIngest {
  const events = metrics.counter({
    name: "weir_ingest_events_total",
    help: "Events received, by entry point and verdict",
    labels: ["entry_point", "verdict"],
  });
  const limited = metrics.counter({
    name: "weir_ingest_rate_limited_events_total",
    help: "Events refused by a rate limit",
    labels: ["entry_point"],
  });
  const groups = metrics.counter({
    name: "weir_ingest_groups_total",
    help: "Group commits",
    labels: ["outcome"],
  });
  const size = metrics.histogram({
    name: "weir_ingest_group_events",
    help: "Events in a group commit",
    buckets: [1, 5, 10, 25, 50, 100, 250, 500, 1000, 2000],
  });
  const seconds = metrics.histogram({
    name: "weir_ingest_group_seconds",
    help: "Duration of a group commit",
    buckets: secondsBuckets,
  });
  const waiting = metrics.gauge({
    name: "weir_ingest_queue_events",
    help: "Events that wait for a group commit or are in one",
  });
  const waitingBytes = metrics.gauge({
    name: "weir_ingest_queue_bytes",
    help: "Size of those events",
  });
  const totals: Record<string, number> = {};

  return {
    totals,
    verdict(entryPoint, verdict, count) {
      totals[verdict] = (totals[verdict] ?? 0) + count;
      events.inc({ entry_point: entryPoint, verdict }, count);
    },
    rateLimited(entryPoint, count) {
      limited.inc({ entry_point: entryPoint }, count);
    },
    group({ events: count, bytes, seconds: took, failed }) {
      groups.inc({ outcome: failed ? "failed" : "committed" });
      size.observe(count);
      seconds.observe(took);
      logger.debug({ events: count, bytes, seconds: took, failed }, "group");
    },
    queue(count, bytes) {
      waiting.set(count);
      waitingBytes.set(bytes);
    },
    failure(error) {
      logger.warn({ err: error }, "a group commit failed; its senders got the verdict retry");
    },
  };
}
