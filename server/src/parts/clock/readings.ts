/** One reading of all clocks at the same moment. */
import { randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import { uptime } from "node:os";
import type { Queryable } from "../../core/ports/database.ts";

/** The clocks of this process. */
export interface LocalClocks {
  /** Milliseconds since 1970, by the machine's clock, which may step. */
  wall(): number;
  /** Seconds that no change of a clock affects; they count while the machine is suspended, if it has such a clock. */
  uptime(): number;
  /** Names what `uptime` counts from: another value after a restart of the machine. */
  readonly boot: string;
  /** Milliseconds of `performance.now()`: cheap, for what is asked on every request. */
  monotonic(): number;
}

export interface Readings {
  /** When both were read, in seconds of `uptime`. */
  readonly uptime: number;
  /** The same moment in `monotonic`. */
  readonly monotonic: number;
  /** Milliseconds since 1970. */
  readonly weir: number;
  readonly postgresql: number;
}

const attempts = 3;
/** A slower answer does not say closely enough when PostgreSQL's clock was read. */
const slowestAnswerS = 0.5;
/** The wall clock was set during the reading. */
const steppedDuringS = 0.1;

/** Undefined while PostgreSQL answers too slowly. Rejects when it does not answer. */
export async function readClocks(
  database: Queryable,
  clocks: LocalClocks,
  timeoutMs: number,
): Promise<Readings | undefined> {
  for (let attempt = 0; attempt < attempts; attempt++) {
    const began = {
      uptime: clocks.uptime(),
      wall: clocks.wall(),
      monotonic: clocks.monotonic(),
    };
    const [row] = await database.query<{ now: number }>(
      {
        name: "clock_read",
        text: "select extract(epoch from clock_timestamp())::float8 * 1000 as now",
      },
      { timeoutMs },
    );
    const took = clocks.uptime() - began.uptime;
    const passed = (clocks.wall() - began.wall) / 1000;
    const usable = took <= slowestAnswerS && Math.abs(passed - took) <= steppedDuringS;
    if (row === undefined || !usable) continue;
    const middle = took / 2;
    return {
      uptime: began.uptime + middle,
      monotonic: began.monotonic + middle * 1000,
      weir: began.wall + middle * 1000,
      postgresql: row.now,
    };
  }
  return undefined;
}

/** The clocks of this machine. On Linux the uptime counts on while the machine sleeps. */
export function localClocks(): LocalClocks {
  const own = { wall: () => Date.now(), monotonic: () => performance.now() };
  try {
    const boot = readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
    return { ...own, uptime, boot };
  } catch {
    // elsewhere the uptime is computed from the wall clock
    return { ...own, uptime: () => performance.now() / 1000, boot: randomUUID() };
  }
}
