import type { Config } from "../config/schema.ts";

/** What to do before anything here uses Kafka; undefined when brokers are configured. */
export function missingKafka({ kafka }: Config): string | undefined {
  if (kafka.brokers.length > 0) return undefined;
  return "Kafka is not configured: set kafka.brokers in weir.yaml, or WEIR_KAFKA_BROKERS=host:9092, and restart Weir";
}
