/** Whether a process that gives no sign of life is frozen, or only gets no CPU time. */
import { readdirSync, readFileSync } from "node:fs";

export interface Vitals {
  /** CPU time of all its threads so far. */
  readonly cpuMs: number;
  /** The state letters of its threads, as in proc(5): R runnable, D waits for a disk, T stopped. */
  readonly states: string;
}

/** Ticks of the CPU time in /proc per second, the same on every Linux that Node.js runs on. */
const ticksPerSecond = 100;

/** Undefined where there is no /proc, and for a process that has ended. */
export function readVitals(pid: number): Vitals | undefined {
  try {
    const threads = readdirSync(`/proc/${pid}/task`);
    const states = threads.map((thread) => fieldsOf(`/proc/${pid}/task/${thread}/stat`)[0] ?? "");
    const fields = fieldsOf(`/proc/${pid}/stat`);
    // the fields utime and stime, counted from the state
    const ticks = Number(fields[11]) + Number(fields[12]);
    return { cpuMs: (ticks * 1_000) / ticksPerSecond, states: states.join("") };
  } catch {
    return undefined;
  }
}

/** State first: the command before it may contain blanks and brackets. */
function fieldsOf(file: string): string[] {
  const text = readFileSync(file, "utf8");
  return text.slice(text.lastIndexOf(")") + 2).split(" ");
}

/** The share of the limit that an endless loop must have computed; loading the code takes more in one piece. */
const loopShare = 0.2;
const loopShareAtStart = 0.4;
/** No machine is that busy for a single process. */
const longestMs = 60_000;

export interface Silence {
  /** For how long it has given no sign of life. */
  readonly ms: number;
  /** From which length on it may be frozen. */
  readonly limitMs: number;
  readonly isStarting: boolean;
  /** At the beginning of the silence. */
  readonly before: Vitals | undefined;
  readonly now: Vitals | undefined;
}

/**
 * A process is frozen when it is stopped, when it has computed for most of the limit without a sign of life, or
 * when nothing in it wants to run. One that wants to run and gets no CPU time, or waits for a disk, is not:
 * on a machine with fifty runnable processes a start takes ten times as long, and killing it would begin
 * it again, without end.
 */
export function isFrozen({ ms, limitMs, isStarting, before, now }: Silence): boolean {
  if (now === undefined || before === undefined || ms >= Math.max(longestMs, limitMs)) return true;
  if (!/[^T]/.test(now.states)) return true;
  const share = isStarting ? loopShareAtStart : loopShare;
  if (now.cpuMs - before.cpuMs >= share * limitMs) return true;
  return !/[RD]/.test(now.states);
}
