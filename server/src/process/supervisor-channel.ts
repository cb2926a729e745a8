/** The messages between a child process and its supervisor, and the child's end of the channel. */
import type { ProcessReport } from "./process-states.ts";

/** From a child. Each one is also a sign of life. */
export type ChildMessage =
  | { readonly type: "beat" }
  | { readonly type: "ready"; readonly url?: string }
  /** Its work is done: it ends, and is not restarted. */
  | { readonly type: "finished" }
  | { readonly type: "counters"; readonly counters: Readonly<Record<string, number>> };

export type SupervisorMessage =
  /** To each child: the state of all processes, at its start and after each change. */
  | { readonly type: "processes"; readonly processes: readonly ProcessReport[] }
  /** To the process that serves the metrics: lines that did not reach the log file. */
  | { readonly type: "log_dropped"; readonly lines: number };

/** Calls `count` with the number of further lines that the supervisor could not write. */
export function onDroppedLogLines(count: (lines: number) => void): void {
  if (!isSupervised()) return;
  process.on("message", (message: SupervisorMessage) => {
    if (message.type === "log_dropped") count(message.lines);
  });
}

type Counters = Readonly<Record<string, number>>;

const beatIntervalMs = 1_000;
const counterIntervalMs = 1_000;

/** Set in the environment of children: another parent with a channel, the launcher, expects no messages. */
export const supervisedVariable = "WEIR_INTERNAL_SUPERVISED";

export function isSupervised(): boolean {
  return process.env[supervisedVariable] !== undefined;
}

/**
 * Gives the supervisor, when there is one, a sign of life now and every second. The timer shows that the
 * event loop turns; it does not keep the process alive.
 */
export function startHeartbeat(): void {
  if (!isSupervised()) return;
  const beat = () => send({ type: "beat" });
  beat();
  setInterval(beat, beatIntervalMs).unref();
}

/**
 * Reports to the supervisor, when there is one, that this process is ready and where it listens, and
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

/** Reports to the supervisor, when there is one, that this process ends because its work is done. */
export function reportFinished(): void {
  send({ type: "finished" });
}

/** The newest state of all processes from the supervisor; undefined without one. */
export function followProcessReports(): () => readonly ProcessReport[] | undefined {
  let newest: readonly ProcessReport[] | undefined;
  if (isSupervised()) {
    process.on("message", (message: SupervisorMessage) => {
      if (message.type === "processes") newest = message.processes;
    });
  }
  return () => newest;
}

function send(message: ChildMessage): void {
  // the supervisor may end at any moment; `disconnect` reports that
  if (isSupervised() && process.connected) process.send?.(message, undefined, {}, () => {});
}
