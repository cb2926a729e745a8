import type { Logger } from "../../core/ports/logger.ts";

/**
 * Writes what the job prints to the log: its own lines are JSON (`level`, `msg` and fields); those of the JVM are
 * text, of which only warnings and errors are more than details.
 */
export function createLineLogger(logger: Logger): (line: string) => void {
  return (line) => {
    const parsed = parse(line);
    if (parsed === undefined) {
      logger.debug({ line: line.slice(0, 2_000) }, "Spark");
      return;
    }
    const { level, msg, time: _, ...fields } = parsed;
    const text = typeof msg === "string" ? msg : "the Spark job";
    if (level === "error" || level === "critical") logger.error(fields, text);
    else if (level === "warn" || level === "warning") logger.warn(fields, text);
    else if (level === "debug") logger.debug(fields, text);
    else logger.info(fields, text);
  };
}

function parse(line: string): Record<string, unknown> | undefined {
  if (!line.startsWith("{")) return undefined;
  try {
    return JSON.parse(line) as Record<string, unknown>;
  } catch {
    return undefined;
  }
}
