/** The messages from a child process to its supervisor. */
export type ChildMessage =
  | { readonly type: "ready"; readonly url?: string }
  | { readonly type: "counters"; readonly counters: Readonly<Record<string, number>> };

/** From the supervisor to the process that serves the metrics: lines that did not reach the log file. */
export interface LogMessage {
  readonly type: "log_dropped";
  readonly lines: number;
}

/** Calls `count` with the number of further lines that the supervisor could not write. */
export function onDroppedLogLines(count: (lines: number) => void): void {
  if (process.channel === undefined) return;
  process.on("message", (message: LogMessage) => {
    if (message.type === "log_dropped") count(message.lines);
  });
}

type Counters = Readonly<Record<string, number>>;

const counterIntervalMs = 1_000;

/**
 * Tells the supervisor, when there is one, that this process is ready and where it listens, and
 * then its counters every second until disposed.
 */
export function reportToSupervisor(
  url: string | undefined,
  readCounters: () => readonly Counters[],
): Disposable {
  send({ type: "ready", ...(url === undefined ? {} : { url }) });
  const timer = setInterval(() => {
    send({ type: "counters", counters: Object.assign({}, ...readCounters()) });
  }, counterIntervalMs);
  return { [Symbol.dispose]: () => clearInterval(timer) };
}

function send(message: ChildMessage): void {
  if (process.connected) process.send?.(message);
}
