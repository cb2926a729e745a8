import type { Logger } from "./logger.ts";
import { type Metrics, secondsBuckets } from "./metrics.ts";

interface Group {
  readonly events: number;
  readonly bytes: number;
  readonly seconds: number;
  readonly failed: boolean;
}

/** Counts what the accept path tells, one wide log line a group; cheap enough for the hot path. */
export function observeIngest(metrics: Metrics, logger: Logger) {
  const events = metrics.counter({
    name: "weir_ingest_events_total",
    help: "Events sent, by what became of them",
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
    help: "Events that wait or are under way",
  });
  const waitingBytes = metrics.gauge({ name: "weir_ingest_queue_bytes", help: "Their bytes" });
  const totals: Record<string, number> = {};

  return {
    totals: totals as Readonly<Record<string, number>>,
    verdict(entryPoint: string, verdict: string, count: number) {
      totals[verdict] = (totals[verdict] ?? 0) + count;
      events.inc({ entry_point: entryPoint, verdict }, count);
    },
    rateLimited(entryPoint: string, count: number) {
      limited.inc({ entry_point: entryPoint }, count);
    },
    group({ events: count, bytes, seconds: took, failed }: Group) {
      groups.inc({ outcome: failed ? "failed" : "committed" });
      size.observe(count);
      seconds.observe(took);
      logger.debug({ events: count, bytes, seconds: took, failed }, "group");
    },
    queue(count: number, bytes: number) {
      waiting.set(count);
      waitingBytes.set(bytes);
    },
    failure(error: unknown) {
      logger.warn({ err: error }, "a group could not be written; its senders were told to retry");
    },
  };
}
