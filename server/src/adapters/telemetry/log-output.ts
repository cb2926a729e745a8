/** The standard output of a process as the place of its log. */
import { fstatSync, write as writeCallback, writeSync } from "node:fs";
import { promisify } from "node:util";
import { LineQueue, type LineTarget, PartialWrite } from "./line-queue.ts";
import { escapeLine } from "./log-line.ts";

const write = promisify(writeCallback);
const stdoutNumber = 1;

export interface LogOutput {
  /** A line with its end, as pino writes it. */
  write(line: string): void;
  /** Lines dropped since the start, because the reader was too slow or gone or the disk was full. */
  readonly dropped: number;
  /** The last line of a process that ends now, with what waits: written before this returns, if that is possible. */
  writeLast(line: string): void;
  /** Writes what waits, for at most `timeoutMs`; false when something could not be written. */
  end(timeoutMs: number): Promise<boolean>;
}

/**
 * A log on standard output that never blocks or ends the process, whatever is at the other end: a pipe that is
 * not read, one that was closed, a file on a full disk. Lines are escaped here.
 */
export function openLogOutput(
  about: Readonly<Record<string, unknown>>,
  onDropped?: (lines: number) => void,
): LogOutput {
  const queue = new LineQueue({
    target: standardOutput(),
    about,
    ...(onDropped === undefined ? {} : { onDropped }),
  });
  return {
    write: (line) => queue.push(escapeLine(line.endsWith("\n") ? line.slice(0, -1) : line)),
    get dropped() {
      return queue.dropped;
    },
    writeLast(line) {
      try {
        const waiting = queue.takeWaiting();
        if (waiting.length > 0) writeSync(stdoutNumber, waiting);
        writeSync(stdoutNumber, `${escapeLine(line)}\n`);
      } catch {}
    },
    end: (timeoutMs) => queue.end(timeoutMs),
  };
}

function standardOutput(): LineTarget {
  if (!isPipe()) return createFileTarget();
  const { stdout } = process;
  // Without a listener the end of the reader ends this process.
  stdout.on("error", () => {});
  // Node.js writes to pipes without blocking and queues what does not fit; the callback comes when it was written.
  return {
    write: (lines) =>
      new Promise((resolve, reject) => {
        stdout.write(lines, (error) => (error ? reject(error) : resolve()));
      }),
  };
}

function isPipe(): boolean {
  try {
    const found = fstatSync(stdoutNumber);
    return found.isFIFO() || found.isSocket();
  } catch {
    return false;
  }
}

/** A file, a terminal or a device: `process.stdout` would write synchronously, and never again after an error. */
function createFileTarget(): LineTarget {
  let isCut = false;
  return {
    async write(lines) {
      const bytes = isCut ? Buffer.concat([Buffer.from("\n"), lines]) : lines;
      let done = 0;
      try {
        while (done < bytes.length) {
          done += (await write(stdoutNumber, bytes, done, bytes.length - done)).bytesWritten;
        }
        isCut = false;
      } catch (error) {
        if (done === 0) throw error;
        const whole = bytes.lastIndexOf("\n", done - 1) + 1;
        const added = bytes.length - lines.length;
        isCut = done > whole;
        throw new PartialWrite(Math.max(0, whole - added), error);
      }
    },
  };
}
