/** What a consumer reads, in metrics and in log lines. */
import type { Logger } from "../../../core/ports/logger.ts";
import type { Metrics } from "../../../core/ports/metrics.ts";
import { asBrokerError } from "../errors.ts";
import type { KafkaWatch } from "../metrics.ts";
import type { ConsumerObserver } from "./options.ts";

export interface ConsumerMetricsOptions {
  readonly metrics: Metrics;
  readonly logger: Logger;
  readonly watch: Pick<KafkaWatch, "failed" | "succeeded">;
  readonly lag: () => ReadonlyMap<number, bigint>;
}

export function observeConsumer({
  metrics,
  logger,
  watch,
  lag,
}: ConsumerMetricsOptions): ConsumerObserver {
  const lags = metrics.gauge({
    name: "weir_intake_lag_messages",
    help: "Messages of the topic raw_data that are not processed yet, by partition of this process",
    labels: ["partition"],
  });
  const bytes = metrics.gauge({
    name: "weir_intake_in_flight_bytes",
    help: "Size of the messages that were read and are not processed yet",
  });
  const commits = metrics.counter({
    name: "weir_intake_commits_total",
    help: "Commits of offsets to the consumer group: committed, or fenced (this process was no longer in the group)",
    labels: ["outcome"],
  });
  const rebalances = metrics.counter({
    name: "weir_intake_rebalances_total",
    help: "Rebalances of the consumer group that this process took part in",
  });
  const resets = metrics.counter({
    name: "weir_intake_offset_resets_total",
    help: "Partitions whose next message the broker no longer had",
  });
  metrics.onCollect(async () => {
    lags.reset();
    for (const [partition, messages] of lag()) lags.set({ partition }, Number(messages));
  });
  return {
    assigned: (partitions) => logger.info({ partitions }, "partitions assigned"),
    rebalancing: () => rebalances.inc(),
    committed: () => commits.inc({ outcome: "committed" }),
    fenced() {
      commits.inc({ outcome: "fenced" });
      logger.warn(
        {},
        "this process was no longer in the consumer group when it committed; other members read its last messages again",
      );
    },
    reset({ partition, from, to }) {
      resets.inc();
      const skipped = to > from ? String(to - from) : "0";
      logger.error(
        { partition, from: String(from), to: String(to), skipped },
        "the broker no longer has the next message of a partition; reading continues with the first one that it has",
      );
    },
    inFlight: (count) => bytes.set(count),
    stuck: (partition, error) =>
      logger.error(
        { partition, err: error },
        "messages of a partition could not be processed and will be tried again",
      ),
    failed: (error) => watch.failed(asBrokerError(error)),
    succeeded: () => watch.succeeded(),
  };
}
