/** Log lines on their way to a file or pipe that may be slow, full or broken. */
import { jsonLine } from "./log-line.ts";

/** Where lines are written. */
export interface LineTarget {
  /**
   * Writes whole lines. @throws PartialWrite when only the first of them could be written, any other error
   * when none was
   */
  write(lines: Buffer): Promise<void>;
}

/** Some lines were written before the error that is its cause. */
export class PartialWrite extends Error {
  override readonly name = "PartialWrite";
  /** Bytes of the lines that were written, up to the end of a line. */
  readonly bytes: number;

  constructor(bytes: number, cause: unknown) {
    super(cause instanceof Error ? cause.message : String(cause), { cause });
    this.bytes = bytes;
  }
}

export interface LineQueueOptions {
  readonly target: LineTarget;
  /** Fields of the line that reports dropped lines. */
  readonly about: Readonly<Record<string, unknown>>;
  readonly onDropped?: (lines: number) => void;
  /** Characters that wait at most; default 1 MiB. */
  readonly limit?: number;
  /** Time from a failure to the next attempt; default 1 s. */
  readonly retryMs?: number;
}

const defaultLimit = 1024 * 1024;
const defaultRetryMs = 1_000;
/** Lines written at once. */
const batchLength = 65_536;

/**
 * Takes lines without ever waiting, throwing or blocking. What cannot be written waits up to a limit; lines
 * beyond it are dropped and counted, and a line says how many as soon as lines can be written again.
 */
export class LineQueue {
  readonly #options: LineQueueOptions;
  readonly #limit: number;
  readonly #retryMs: number;
  #lines: string[] = [];
  #length = 0;
  /** What a failed attempt has to write again. */
  #unwritten: Buffer | undefined;
  #running = false;
  #droppedSince: string | undefined;
  #unreported = 0;
  #failure: string | undefined;
  #dropped = 0;
  #closed = false;
  #idle: (() => void)[] = [];
  #retry: (() => void) | undefined;

  constructor(options: LineQueueOptions) {
    this.#options = options;
    this.#limit = options.limit ?? defaultLimit;
    this.#retryMs = options.retryMs ?? defaultRetryMs;
  }

  /** Lines dropped since the start. */
  get dropped(): number {
    return this.#dropped;
  }

  /** @param line without its end */
  push(line: string): void {
    if (this.#closed || this.#length + line.length > this.#limit) {
      this.#drop();
      return;
    }
    this.#lines.push(line);
    this.#length += line.length + 1;
    if (this.#running) return;
    this.#running = true;
    // after this turn of the event loop, so that its lines share a write
    setImmediate(() => void this.#run());
  }

  /** Writes what waits, for at most `timeoutMs`; true when everything was written. Further lines are dropped. */
  async end(timeoutMs: number): Promise<boolean> {
    this.#closed = true;
    if (!this.#running) return this.#unwritten === undefined;
    const written = new Promise<boolean>((resolve) => this.#idle.push(() => resolve(true)));
    this.#retry?.();
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<boolean>((resolve) => {
      timer = setTimeout(resolve, timeoutMs, false);
    });
    return Promise.race([written, late]).finally(() => clearTimeout(timer));
  }

  /** What waits, for a process that ends now and writes it by itself. */
  takeWaiting(): Buffer {
    const waiting = Buffer.concat([
      this.#unwritten ?? Buffer.alloc(0),
      Buffer.from(this.#lines.map((line) => `${line}\n`).join("")),
    ]);
    this.#unwritten = undefined;
    this.#lines = [];
    this.#length = 0;
    return waiting;
  }

  #drop(): void {
    this.#dropped++;
    this.#unreported++;
    this.#droppedSince ??= new Date().toISOString();
    this.#options.onDropped?.(1);
  }

  async #run(): Promise<void> {
    for (let batch = this.#take(); batch !== undefined; batch = this.#take()) {
      try {
        await this.#options.target.write(batch);
        this.#reportDropped();
        this.#failure = undefined;
      } catch (error) {
        this.#failure = (error as Error).message;
        this.#unwritten = error instanceof PartialWrite ? batch.subarray(error.bytes) : batch;
        await this.#untilRetry();
      }
    }
    this.#running = false;
    for (const resolve of this.#idle.splice(0)) resolve();
  }

  #take(): Buffer | undefined {
    if (this.#unwritten !== undefined) {
      const again = this.#unwritten;
      this.#unwritten = undefined;
      return again;
    }
    if (this.#lines.length === 0) return undefined;
    let count = 0;
    let length = 0;
    while (count < this.#lines.length && length < batchLength) {
      length += (this.#lines[count] as string).length + 1;
      count++;
    }
    const taken = this.#lines.splice(0, count);
    this.#length -= length;
    return Buffer.from(`${taken.join("\n")}\n`);
  }

  /** Dropped lines came after all that wait, so the line about them goes to the end. */
  #reportDropped(): void {
    if (this.#unreported === 0) return;
    const line = jsonLine({
      level: "warn",
      time: new Date().toISOString(),
      ...this.#options.about,
      lines: this.#unreported,
      since: this.#droppedSince,
      reason: this.#failure ?? "they came faster than they could be written",
      msg: "log lines were dropped",
    });
    this.#unreported = 0;
    this.#droppedSince = undefined;
    this.#lines.push(line);
    this.#length += line.length + 1;
  }

  #untilRetry(): Promise<void> {
    return new Promise((resolve) => {
      const end = () => {
        clearTimeout(timer);
        this.#retry = undefined;
        resolve();
      };
      // a log that cannot be written must not keep the process alive
      const timer = setTimeout(end, this.#retryMs).unref();
      this.#retry = end;
    });
  }
}
