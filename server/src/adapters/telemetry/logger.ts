import { type DestinationStream, pino } from "pino";
import type { Logger } from "../../core/ports/logger.ts";

export interface RootLogger extends Logger {
  /** `debug`, `info`, `warn` or `error`; can be changed at any time. */
  level: string;
}

/** Fields whose values are never written, at the top level and one level below. */
const secretFields = ["key", "secret", "token", "password", "authorization", "cookie", "url"];

/** A structured logger that writes to `destination` (default: stdout) and hides secrets by field name. */
export function createLogger(
  level: string,
  fields: Record<string, unknown> = {},
  destination?: DestinationStream,
): RootLogger {
  const options = {
    level,
    base: fields,
    timestamp: () => `,"time":"${new Date().toISOString()}"`,
    formatters: { level: (label: string) => ({ level: label }) },
    redact: {
      paths: secretFields.flatMap((name) => [name, `*.${name}`]),
      censor: "(secret)",
    },
  };
  return destination === undefined ? pino(options) : pino(options, destination);
}
