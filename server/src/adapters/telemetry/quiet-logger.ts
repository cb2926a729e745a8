import type { Logger } from "../../core/ports/logger.ts";
import type { Outage } from "../../core/ports/outage.ts";

/**
 * A logger that moves what an outage of the database explains to the level `debug`: the outage itself is
 * logged once when it begins and once when it ends. The error is the field `err`.
 */
export function quietDuring(outage: Pick<Outage, "explains">, logger: Logger): Logger {
  const unlessExplained =
    (level: "warn" | "error"): Logger["warn"] =>
    (fields, message) =>
      logger[outage.explains(fields["err"]) ? "debug" : level](fields, message);
  return {
    debug: (fields, message) => logger.debug(fields, message),
    info: (fields, message) => logger.info(fields, message),
    warn: unlessExplained("warn"),
    error: unlessExplained("error"),
  };
}
