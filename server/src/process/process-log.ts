/** The log file of `weir up`: the lines of the supervisor and of all its child processes. */
import type { ChildProcess } from "node:child_process";
import { existsSync, statfsSync } from "node:fs";
import { dirname, join } from "node:path";
import type { Readable } from "node:stream";
import { LineQueue } from "../adapters/telemetry/line-queue.ts";
import { asJsonLines, jsonLine } from "../adapters/telemetry/log-line.ts";
import { RotatingFile } from "../adapters/telemetry/rotating-file.ts";
import type { Config } from "../config/schema.ts";
import type { Logger } from "../core/ports/logger.ts";
import { parseSize } from "../core/size.ts";

export interface ProcessLog {
  /** Of the supervisor itself. */
  readonly logger: Logger;
  /** Takes over what a child prints: its JSON lines as they are, anything else wrapped in JSON. */
  attach(child: ChildProcess, name: string): void;
  /** Lines that could not be written since the start. */
  readonly dropped: number;
  /** Writes what waits, for a second at most. */
  close(): Promise<void>;
}

export interface LogLimits {
  readonly maxBytes: number;
  readonly files: number;
}

const closeMs = 1_000;
/** A line that does not end is cut there. */
const longestLine = 256 * 1024;
/** Of a small disk: the most that all log files together take. */
const mostShare = 1 / 2;

/** The configured limits, reduced on a disk on which all files together would take more than half. */
export function logLimits({ log }: Pick<Config, "log">, folder: string): LogLimits {
  const maxBytes = parseSize(log.max_size);
  const share = Math.floor((diskBytes(folder) * mostShare) / log.files);
  return { maxBytes: Math.max(1, Math.min(maxBytes, share)), files: log.files };
}

function diskBytes(folder: string): number {
  let existing = folder;
  while (!existsSync(existing) && dirname(existing) !== existing) existing = dirname(existing);
  try {
    const { blocks, bsize } = statfsSync(existing);
    return blocks === 0 ? Number.POSITIVE_INFINITY : blocks * bsize;
  } catch {
    return Number.POSITIVE_INFINITY;
  }
}

/** Never fails: without disk space or rights, lines are dropped and counted until they can be written. */
export function openProcessLog(folder: string, limits: LogLimits): ProcessLog {
  const file = new RotatingFile({ path: join(folder, "weir.log"), ...limits });
  const queue = new LineQueue({ target: file, about: { part: "supervisor" } });
  const write = (level: string) => (fields: Readonly<Record<string, unknown>>, msg: string) =>
    queue.push(jsonLine({ level, time: now(), part: "supervisor", ...fields, msg }));

  return {
    logger: {
      debug: () => {},
      info: write("info"),
      warn: write("warn"),
      error: write("error"),
    },
    attach(child, name) {
      for (const output of ["stdout", "stderr"] as const) {
        const about = () => ({ level: "warn", time: now(), part: name, output });
        forEachText(child[output], (lines) => {
          for (const line of asJsonLines(lines, about)) queue.push(line);
        });
      }
    },
    get dropped() {
      return queue.dropped;
    },
    async close() {
      await queue.end(closeMs);
      file.close();
    },
  };
}

function now(): string {
  return new Date().toISOString();
}

/** Calls `take` with the whole lines of each piece of text that arrives. */
function forEachText(stream: Readable | null, take: (lines: string[]) => void): void {
  let rest = "";
  stream?.setEncoding("utf8");
  stream?.on("data", (text: string) => {
    const lines = (rest + text).split("\n");
    rest = lines.pop() ?? "";
    if (rest.length > longestLine) {
      lines.push(rest);
      rest = "";
    }
    if (lines.length > 0) take(lines);
  });
  stream?.on("end", () => rest !== "" && take([rest]));
  // the child is gone; how it ended is reported by its exit
  stream?.on("error", () => {});
}
