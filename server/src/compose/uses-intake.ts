import type { Config } from "../config/schema.ts";

/** Whether this installation reads a topic. Apart from the client library, which most processes do not load. */
export function usesIntake({ kafka, intake }: Config): boolean {
  return kafka.brokers.length > 0 && intake.enabled;
}
