import type { KafkaWatch } from "../adapters/kafka/metrics.ts";
import { createKafkaProducer } from "../adapters/kafka/producer.ts";
import type { Config } from "../config/schema.ts";
import type { Guard } from "../core/ports/guard.ts";
import type { MessageSink } from "../core/ports/messages.ts";
import { kafkaConnection } from "./kafka.ts";

/** Produces messages as they were read. A message without a key stays without one; a header without a value gets an empty one. */
export function openMessageSink(
  config: Config,
  options: { readonly guard: Guard; readonly watch?: KafkaWatch },
): MessageSink & { close(): Promise<void> } {
  const producer = createKafkaProducer({
    ...kafkaConnection(config),
    compression: config.kafka.compression,
    ...options,
  });
  return {
    async send(messages) {
      await producer.send(
        messages.map(({ topic, key, value, headers }) => ({
          ...{ topic, key, value },
          headers: new Map(headers.map(([name, text]) => [name, text ?? Buffer.alloc(0)])),
        })),
      );
    },
    close: () => producer.close(),
  };
}
