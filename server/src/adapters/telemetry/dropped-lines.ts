import type { Metrics } from "../../core/ports/metrics.ts";

/** Counts log lines that could not be written. */
export function observeDroppedLines(metrics: Metrics): {
  /** To the standard output of this process. */
  fromOutput(lines: number): void;
  /** To the log file of the supervisor. */
  fromFile(lines: number): void;
} {
  const dropped = metrics.counter({
    name: "weir_log_dropped_lines_total",
    help: "Log lines that could not be written: to the output of a process, or to the log file",
    labels: ["to"],
  });
  return {
    fromOutput: (lines) => dropped.inc({ to: "output" }, lines),
    fromFile: (lines) => dropped.inc({ to: "file" }, lines),
  };
}
