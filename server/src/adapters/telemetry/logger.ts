import { type DestinationStream, type Logger as Pino, pino } from "pino";

/** What parts need of a log: one JSON line a call, fields first, then the sentence. */
export type Logger = Pick<Pino, "debug" | "info" | "warn" | "error">;

export interface RootLogger extends Logger {
  level: string;
  child(fields: Record<string, unknown>): Logger;
}

/** Field names whose values are never written, wherever they stand. */
const secretFields = ["key", "secret", "token", "password", "authorization", "cookie", "url"];

/** A structured logger to `destination` (default stdout). Secrets are blanked by field name. */
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
