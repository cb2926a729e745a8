import type { Logger } from "../../core/ports/logger.ts";
import type { Metrics } from "../../core/ports/metrics.ts";
import type { DlqOptions } from "./dlq.ts";
import type { ReadFigures } from "./figures.ts";
import type { RetentionSettings } from "./retention.ts";

/** How many dead letters there are and how much room they take. */
export function observeDeadLetters(
  metrics: Metrics,
  figures: ReadFigures,
  settings: () => RetentionSettings,
): void {
  const letters = metrics.gauge({
    name: "weir_dlq_letters",
    help: "Dead letters, by the part that could not process them, reason and state",
    labels: ["from", "reason", "state"],
  });
  const bytes = metrics.gauge({ name: "weir_dlq_bytes", help: "Size of all dead letters" });
  const limit = metrics.gauge({
    name: "weir_dlq_limit_bytes",
    help: "Size above which dead letters are deleted; health warns at 80 %",
  });
  const oldest = metrics.gauge({
    name: "weir_dlq_oldest_open_seconds",
    help: "Age of the oldest open dead letter",
  });
  metrics.onCollect(async () => {
    limit.set(settings().maxBytes);
    const now = await figures().catch(() => undefined);
    if (now === undefined) return;
    letters.reset();
    for (const { part, reason, state, letters: count } of now.groups) {
      letters.set({ from: part, reason, state }, count);
    }
    bytes.set(now.bytes);
    oldest.set(now.oldestOpenSeconds ?? 0);
  });
}

/** Measures and logs what the part does: replays, deletions and warnings. */
export function observeDlq(
  metrics: Metrics,
  logger: Logger,
): Pick<DlqOptions, "onReplayed" | "onSwept" | "onWarning" | "onError"> {
  const replays = metrics.counter({
    name: "weir_dlq_replayed_total",
    help: "Replayed dead letters, by result",
    labels: ["result"],
  });
  const deleted = metrics.counter({
    name: "weir_dlq_deleted_total",
    help: "Deleted dead letters: expired and settled ones were resolved or discarded before, the content of open ones is lost",
    labels: ["kind"],
  });
  return {
    onReplayed({ part, reason }) {
      replays.inc({ result: reason === undefined ? "done" : "failed" });
      if (reason !== undefined) logger.warn({ from: part, reason }, "a dead letter failed again");
    },
    onSwept({ expired, settled, open }) {
      deleted.inc({ kind: "expired" }, expired);
      deleted.inc({ kind: "settled" }, settled);
      deleted.inc({ kind: "open" }, open);
      if (expired + settled > 0) logger.info({ expired, settled }, "dead letters deleted");
      if (open > 0) {
        logger.error(
          { open },
          "open dead letters were deleted to stay below dlq.max_mib, and their content is lost",
        );
      }
    },
    onWarning: (warning) => logger.warn({}, warning),
    onError: (error) => logger.error({ err: error }, "dlq"),
  };
}
