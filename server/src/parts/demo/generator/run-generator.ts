import { setImmediate } from "node:timers/promises";
import { pause } from "../../../timing/pause.ts";
import { unlessAborted } from "../unless-aborted.ts";
import type { GeneratedEvents, Kind } from "./generated-events.ts";
import type { Outcomes, TrafficTarget } from "./target.ts";

export interface RunOptions {
  readonly events: GeneratedEvents;
  readonly target: TrafficTarget;
  /** Number of events. */
  readonly count: number;
  /** Events per second; absent: as fast as the target takes them. */
  readonly rate?: number;
  /** Ends the run early, with a report. */
  readonly signal: AbortSignal;
  readonly onProgress?: (report: TrafficReport) => void;
  readonly progressMs?: number;
  /** Without an answer for this long the run ends; default one minute. */
  readonly patienceMs?: number;
}

export interface TrafficReport {
  readonly count: number;
  /** Events handed to the target, by kind. */
  readonly sent: Readonly<Record<Kind, number>>;
  readonly outcomes: Outcomes;
  readonly seconds: number;
  readonly events_per_second: number;
  /** JSON of the events, before compression: 10^6 bytes. */
  readonly megabytes_per_second: number;
  readonly latency_ms: { readonly p50: number | null; readonly p95: number | null };
  readonly ended: "running" | "complete" | "interrupted" | "gave_up";
  readonly problem: string | null;
}

const paceMs = 5;
/** Between two looks of the event loop at timers, sockets and signals. */
const turnEvents = 500;

/** Sends the events and reports what became of them. The target is closed at the end. Never rejects for what the target does. */
export async function runGenerator(options: RunOptions): Promise<TrafficReport> {
  const run = new Run(options);
  const timer = setInterval(() => run.look(), options.progressMs ?? 500);
  try {
    await run.send();
  } finally {
    clearInterval(timer);
    await options.target.close();
  }
  return run.report(run.end());
}

class Run {
  readonly #options: RunOptions;
  readonly #stop = new AbortController();
  readonly #signal: AbortSignal;
  readonly #sent: Record<Kind, number> = { good: 0, late: 0, duplicate: 0, bad: 0 };
  readonly #begun = performance.now();
  #handed = 0;
  #bytes = 0;
  #complete = false;
  #answered = 0;
  #answeredAt = performance.now();
  #endedAt: number | undefined;

  constructor(options: RunOptions) {
    this.#options = options;
    this.#signal = AbortSignal.any([options.signal, this.#stop.signal]);
  }

  async send(): Promise<void> {
    const { events, target, count } = this.#options;
    for (let n = 0; n < count; n++) {
      await this.#pace(n);
      if (n % turnEvents === 0) await setImmediate();
      if (this.#isOver()) return;
      const event = events.at(n);
      const json = JSON.stringify(event.event);
      const wait = target.send(event, json);
      this.#sent[event.kind]++;
      this.#handed++;
      this.#bytes += Buffer.byteLength(json);
      if (wait !== undefined) await unlessAborted(wait.catch(ignore), this.#signal);
    }
    await unlessAborted(target.flush().catch(ignore), this.#signal);
    this.#endedAt = performance.now();
    this.#complete = !this.#isOver();
  }

  /** Called every half second. */
  look(): void {
    const { target, onProgress, patienceMs = 60_000 } = this.#options;
    const answered = answersIn(target.outcomes());
    const now = performance.now();
    if (answered !== this.#answered || answered === this.#handed) this.#answeredAt = now;
    this.#answered = answered;
    if (now - this.#answeredAt > patienceMs) this.#stop.abort();
    onProgress?.(this.report("running"));
  }

  end(): TrafficReport["ended"] {
    if (this.#complete) return "complete";
    return this.#options.signal.aborted ? "interrupted" : "gave_up";
  }

  report(ended: TrafficReport["ended"]): TrafficReport {
    const { target, count } = this.#options;
    const seconds = ((this.#endedAt ?? performance.now()) - this.#begun) / 1000;
    const outcomes = target.outcomes();
    return {
      count,
      sent: { ...this.#sent },
      outcomes,
      seconds: round(seconds, 1000),
      events_per_second: Math.round(answersIn(outcomes) / seconds),
      megabytes_per_second: round(this.#bytes / seconds / 1e6, 100),
      latency_ms: { p50: rounded(target.latency(0.5)), p95: rounded(target.latency(0.95)) },
      ended,
      problem: target.problem()?.text ?? null,
    };
  }

  /** Waits until event `n` is due. */
  async #pace(n: number): Promise<void> {
    const { rate } = this.#options;
    if (rate === undefined) return;
    while (!this.#isOver() && ((performance.now() - this.#begun) * rate) / 1000 < n) {
      await pause(paceMs, this.#signal);
    }
  }

  #isOver(): boolean {
    return this.#signal.aborted || this.#options.target.problem()?.final === true;
  }
}

/** The target reports it as its problem. */
const ignore = () => undefined;

/** Events that were stored, refused or known; failed ones were not answered. */
function answersIn({ accepted, duplicate, conflict, rejected }: Outcomes): number {
  return accepted + duplicate + conflict + rejected;
}

function round(value: number, by: number): number {
  return Math.round(value * by) / by;
}

function rounded(ms: number | undefined): number | null {
  return ms === undefined ? null : round(ms, 10);
}
