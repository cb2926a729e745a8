/**
 * Compares Weir's clock, PostgreSQL's clock and the machine's uptime, and keeps trusted time
 * (docs/decisions/0029-trusted-time.md). Each process has its own watch; the state is one row of the database.
 */
import { messageOf } from "../../core/errors.ts";
import type { Queryable } from "../../core/ports/database.ts";
import type { Part } from "../../core/ports/part.ts";
import { pause } from "../../timing/pause.ts";
import { type LocalClocks, type Readings, readClocks } from "./readings.ts";

export interface ClockWatchOptions {
  readonly database: Queryable;
  readonly clocks: LocalClocks;
  readonly everyMs?: number;
  /** Once when the clocks begin to deviate, and once when they agree again. */
  readonly onChange?: (report: ClockReport) => void;
}

export interface ClockReport {
  /** What is wrong; undefined while the clocks agree. See clock.state. */
  readonly kind: "step" | "offline" | "disagreement" | undefined;
  /** How far the clock that is further off is ahead of trusted time, in seconds. */
  readonly deviationS: number;
  /** How far PostgreSQL's clock is ahead of Weir's, in seconds. */
  readonly postgresqlAheadS: number;
  /** How far Weir's clock is ahead of trusted time, in seconds. */
  readonly weirAheadS: number;
  /** Milliseconds since 1970, in trusted time. */
  readonly since: number | undefined;
  /** Seconds until the deviation is believed, if it does not change; undefined when it will not be. */
  readonly believedInS: number | undefined;
  readonly trusted: number;
}

interface State {
  readonly trusted: number;
  readonly deviation_s: number | null;
  readonly kind: "step" | "offline" | "disagreement" | null;
  readonly since: number | null;
  readonly believed_in_s: number | null;
}

interface Tick {
  readonly readings: Readings;
  readonly state: State;
}

const timeoutMs = 2_000;
/** A check that comes sooner uses what is known. */
const freshS = 1;
/** More than a clock is corrected between two ticks without a step. */
const stepS = 0.5;

export class ClockWatch implements Part {
  readonly name = "clock";
  readonly #options: Required<Omit<ClockWatchOptions, "onChange">>;
  readonly #onChange: ((report: ClockReport) => void) | undefined;
  #last: Tick | undefined;
  #ticking: Promise<void> | undefined;
  #steps = 0;
  #deviates = false;
  #problem: string | undefined;

  constructor({ onChange, ...options }: ClockWatchOptions) {
    this.#options = { everyMs: 5_000, ...options };
    this.#onChange = onChange;
  }

  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await this.tick();
      await pause(this.#options.everyMs, signal);
    }
  }

  problem(): string | undefined {
    return this.#problem;
  }

  /** Deviations that have begun since the process was started. */
  get steps(): number {
    return this.#steps;
  }

  /**
   * The latest that it can be, in milliseconds since 1970: what has expired by then has expired, whatever the
   * clock says. Before the first tick, the clock's time.
   */
  latest = (): number => {
    const { clocks } = this.#options;
    const wall = clocks.wall();
    if (this.#last === undefined) return wall;
    const { state, readings } = this.#last;
    return Math.max(wall, state.trusted + clocks.monotonic() - readings.monotonic);
  };

  /** Whether a clock is known to be wrong, also when it stepped a moment ago. */
  inDoubt = (): boolean => {
    const last = this.#last;
    if (last === undefined) return false;
    const { kind } = last.state;
    return kind === "step" || kind === "disagreement" || this.#steppedSince(last);
  };

  /** As of the last tick, or of a new one when that is not fresh; undefined before the first. */
  async report(): Promise<ClockReport | undefined> {
    const last = this.#last;
    if (last === undefined || this.#since(last) > freshS) await this.tick();
    return this.#report();
  }

  /** Reads the clocks and moves trusted time on. Never rejects: see `problem()`. */
  tick(): Promise<void> {
    this.#ticking ??= this.#tick()
      .then(() => {
        this.#problem = undefined;
      })
      .catch((error: unknown) => {
        this.#problem = `the clocks could not be compared: ${messageOf(error)}`;
      })
      .finally(() => {
        this.#ticking = undefined;
        this.#announce();
      });
    return this.#ticking;
  }

  async #tick(): Promise<void> {
    const { database, clocks } = this.#options;
    const readings = await readClocks(database, clocks, timeoutMs);
    if (readings === undefined) return;
    const [state] = await database.query<State>(
      {
        name: "clock_tick",
        text: `select extract(epoch from trusted)::float8 * 1000 as trusted, deviation_s, kind,
                 extract(epoch from since)::float8 * 1000 as since,
                 case when kind <> 'disagreement' then clock.doubt_s(deviation_s) - steady_s end as believed_in_s
               from clock.tick($1, $2, to_timestamp($3::float8 / 1000), to_timestamp($4::float8 / 1000))`,
        values: [clocks.boot, readings.uptime, readings.postgresql, readings.weir],
      },
      { timeoutMs },
    );
    if (state !== undefined) this.#last = { readings, state };
  }

  #announce(): void {
    const report = this.#report();
    if (report === undefined) return;
    const deviates = report.kind === "step" || report.kind === "disagreement";
    if (deviates === this.#deviates) return;
    this.#deviates = deviates;
    if (deviates) this.#steps++;
    this.#onChange?.(report);
  }

  /** Also without PostgreSQL: what has happened since the last tick is computed from the uptime. */
  #report(): ClockReport | undefined {
    const last = this.#last;
    if (last === undefined) return undefined;
    const trusted = last.state.trusted + this.#since(last) * 1000;
    const weirAheadS = (this.#options.clocks.wall() - trusted) / 1000;
    const stepped = this.#steppedSince(last);
    return {
      kind: last.state.kind ?? (stepped ? "step" : undefined),
      deviationS: stepped ? weirAheadS : (last.state.deviation_s ?? 0),
      postgresqlAheadS: (last.readings.postgresql - last.readings.weir) / 1000,
      weirAheadS,
      since: last.state.since ?? (stepped ? trusted : undefined),
      believedInS: last.state.believed_in_s ?? undefined,
      trusted,
    };
  }

  #steppedSince({ readings }: Tick): boolean {
    const { clocks } = this.#options;
    const passed = (clocks.wall() - readings.weir) / 1000;
    return Math.abs(passed - (clocks.uptime() - readings.uptime)) > stepS;
  }

  #since({ readings }: Tick): number {
    return this.#options.clocks.uptime() - readings.uptime;
  }
}
