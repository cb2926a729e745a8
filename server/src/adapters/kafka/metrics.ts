/** What a process sends to Kafka and whether Kafka answers, in metrics and in two log lines. */
import { createEpisode } from "../../core/episode.ts";
import type { BrokerError } from "../../core/ports/broker.ts";
import type { Logger } from "../../core/ports/logger.ts";
import { type Metrics, secondsBuckets } from "../../core/ports/metrics.ts";

export interface KafkaWatch {
  /** An attempt failed. What does not pass by waiting is reported as such. */
  failed(error: BrokerError): void;
  /** Kafka answered. */
  succeeded(): void;
  sent(about: {
    readonly messages: number;
    readonly bytes: number;
    readonly seconds: number;
  }): void;
  /** The last error while Kafka does not answer. */
  problem(): string | undefined;
}

export interface KafkaWatchOptions {
  readonly metrics: Metrics;
  readonly logger: Logger;
  /** Monotonic milliseconds (performance.now). */
  readonly monotonic: () => number;
}

/** Errors for shorter than this are part of normal work: a leader moves, an idle connection is closed. */
const toleranceMs = 1_000;

/** One line when Kafka has failed for a second, and one when it answers again. */
export function watchKafka({ metrics, logger, monotonic }: KafkaWatchOptions): KafkaWatch {
  const up = metrics.gauge({
    name: "weir_kafka_up",
    help: "1 while Kafka answers this process, 0 after a second of failures",
  });
  const errors = metrics.counter({
    name: "weir_kafka_errors_total",
    help: "Attempts to reach Kafka or to send to it that failed, by reason",
    labels: ["reason"],
  });
  const messages = metrics.counter({
    name: "weir_kafka_sent_messages_total",
    help: "Messages that Kafka has acknowledged",
  });
  const bytes = metrics.counter({
    name: "weir_kafka_sent_bytes_total",
    help: "Bytes of keys, values and headers of these messages, before compression",
  });
  const seconds = metrics.histogram({
    name: "weir_kafka_send_seconds",
    help: "Time from a send to the acknowledgement of all replicas in sync",
    buckets: [...secondsBuckets, 10, 30],
  });
  const episode = createEpisode({
    logger,
    monotonic,
    began: "Kafka is unavailable; what depends on it waits and continues by itself",
    ended: "Kafka answers again",
  });
  let failing: { readonly since: number; error: BrokerError } | undefined;
  up.set(1);

  return {
    failed(error) {
      errors.inc({ reason: error.code });
      failing ??= { since: monotonic(), error };
      failing.error = error;
      if (error.retryable && monotonic() - failing.since < toleranceMs) return;
      up.set(0);
      episode.begin({ reason: error.code, detail: error.message });
    },
    succeeded() {
      failing = undefined;
      up.set(1);
      episode.end();
    },
    sent(about) {
      messages.inc(about.messages);
      bytes.inc(about.bytes);
      seconds.observe(about.seconds);
    },
    problem: () => (episode.isActive ? failing?.error.message : undefined),
  };
}
