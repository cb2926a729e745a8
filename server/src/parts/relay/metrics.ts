import type { Metrics } from "../../core/ports/metrics.ts";
import type { RelayedPage } from "./pump.ts";

export interface RelayObserver {
  page(page: RelayedPage): void;
  buffer(bytes: number): void;
  loss(): void;
  counters(): Readonly<Record<string, number>>;
}

/** How far it is behind: `weir_log_unread_events{reader="relay"}` and `weir_log_oldest_unread_seconds`. */
export function observeRelay(metrics: Metrics): RelayObserver {
  const events = metrics.counter({
    name: "weir_relay_events_total",
    help: "Raw events whose messages Kafka has acknowledged and whose position is recorded",
  });
  const pages = metrics.counter({
    name: "weir_relay_pages_total",
    help: "Moves of the position of the relay",
  });
  const bytes = metrics.counter({
    name: "weir_relay_bytes_total",
    help: "Bytes of these messages before compression",
  });
  const buffered = metrics.gauge({
    name: "weir_relay_buffered_bytes",
    help: "Bytes of messages that were read from the raw log and are not acknowledged yet",
  });
  const losses = metrics.counter({
    name: "weir_relay_topic_losses_total",
    help: "Times that the topic was found without messages that it had acknowledged",
  });
  let relayed = 0;
  return {
    page(page) {
      relayed += page.events;
      events.inc(page.events);
      pages.inc();
      bytes.inc(page.bytes);
    },
    buffer: (count) => buffered.set(count),
    loss: () => losses.inc(),
    counters: () => ({ relayed_events: relayed }),
  };
}
