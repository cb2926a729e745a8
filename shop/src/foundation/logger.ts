import { type Logger as PinoLogger, pino } from "pino";
import { oneOf, withDefault } from "./settings.ts";

export type Logger = Pick<PinoLogger, "debug" | "info" | "warn" | "error" | "fatal">;

export const logLevel = withDefault(
  oneOf("SHOP_LOG_LEVEL", ["debug", "info", "warn", "error", "fatal", "silent"]),
  "info",
);

/** JSON lines on standard error: standard output is for the ready line alone. */
export function createLogger(service: string, level: string): Logger {
  return pino(
    {
      level,
      base: { service },
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
    },
    // not synchronous: a reader of the pipe that stops must not stop the service
    pino.destination({ dest: 2, sync: false }),
  );
}
