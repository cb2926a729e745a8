/** What Node.js itself would print as text: warnings, and the error that ends the process. */
import type { Logger } from "../core/ports/logger.ts";

export interface FailureLog {
  readonly logger: Logger;
  /** Writes a line before it returns: the process ends afterwards. */
  writeLast(line: string): void;
}

/** Logs warnings and uncaught errors as JSON lines, for a process whose output is a log. */
export function logProcessFailures({ logger, writeLast }: FailureLog): void {
  // Node.js prints warnings by a listener of its own
  process.removeAllListeners("warning");
  process.on("warning", ({ name, message, stack }) => {
    logger.warn({ warning: name, reason: message, stack }, "Node.js warns");
  });
  process.on("uncaughtException", (error, origin) => {
    const { message, stack } =
      error instanceof Error ? error : { message: String(error), stack: "" };
    const line = { level: "error", time: new Date().toISOString(), origin, reason: message, stack };
    writeLast(
      JSON.stringify({ ...line, pid: process.pid, msg: "an uncaught error ends the process" }),
    );
    process.exit(1);
  });
}
