import { createEpisode } from "../../core/episode.ts";
import type { Logger } from "../../core/ports/logger.ts";
import type { Metrics } from "../../core/ports/metrics.ts";
import type { IntakeObserver } from "./ports.ts";

export interface MeasuredIntake extends IntakeObserver {
  /** Messages by verdict, for the status line of `weir up`. */
  readonly totals: Readonly<Record<string, number>>;
}

/** Measures intake and logs when it begins to wait and when it continues. */
export function observeIntake(
  metrics: Metrics,
  logger: Logger,
  monotonic: () => number,
): MeasuredIntake {
  const messages = metrics.counter({
    name: "weir_intake_messages_total",
    help: "Messages read from the topic raw_data, by verdict; one that is tried again counts each time",
    labels: ["verdict"],
  });
  const dead = metrics.counter({
    name: "weir_intake_dead_letters_total",
    help: "Messages that became dead letters, by reason",
    labels: ["reason"],
  });
  const erased = metrics.counter({
    name: "weir_intake_erased_total",
    help: "Messages of users who were erased and are blocked; nothing of them is kept",
  });
  const waits = metrics.counter({
    name: "weir_intake_waits_total",
    help: "How often a partition waited for a rate limit, or because nothing could be stored (retry)",
    labels: ["cause"],
  });
  const copies = metrics.counter({
    name: "weir_intake_dlq_copies_failed_total",
    help: "Dead letters whose copy the topic of dead letters refused",
  });
  const waiting = createEpisode({
    logger,
    began: "messages of the topic cannot be stored now; their partitions wait",
    ended: "messages of the topic are stored again",
    monotonic,
  });
  const totals: Record<string, number> = {};
  return {
    totals,
    message(verdict) {
      totals[verdict] = (totals[verdict] ?? 0) + 1;
      messages.inc({ verdict });
    },
    deadLetter: (reason) => dead.inc({ reason }),
    erased(count) {
      if (count > 0) erased.inc(count);
    },
    waits(cause, code) {
      waits.inc({ cause });
      if (cause === "retry") waiting.begin({ code });
    },
    continues: () => waiting.end(),
    copyFailed(error) {
      copies.inc();
      logger.warn(
        { err: error },
        "a dead letter could not be copied to its topic; it is kept in the database",
      );
    },
    failure: (error) =>
      logger.warn(
        { err: error },
        "dead letters of the topic could not be kept and will be tried again",
      ),
  };
}
