import { schema as s } from "@weir/protocol";

/** The relay: from the raw log to the topic `events`. */
export const relaySection = s.object({
  enabled: s.boolean({
    default: true,
    description: "Runs the relay when `kafka.brokers` is set.",
  }),
  key: s.oneOf(["user", "product"], {
    default: "user",
    description:
      "Key of the messages: events with the same key keep their order. Events without one have their event id as key.",
  }),
  page_events: s.integer({
    default: 2_000,
    minimum: 10,
    maximum: 50_000,
    description:
      "Events that are read, acknowledged and recorded together, at most about this many.",
  }),
  buffer_mib: s.integer({
    default: 16,
    minimum: 1,
    maximum: 1_024,
    description: "Memory for messages that were read and are not acknowledged yet.",
  }),
  interval_ms: s.integer({
    default: 10,
    minimum: 1,
    maximum: 10_000,
    description:
      "Minimum time between two pages while few events arrive. Lower is fresher and uses more CPU.",
  }),
});
