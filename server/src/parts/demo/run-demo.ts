import { pause } from "../../timing/pause.ts";
import { dayMs } from "./demo-event.ts";
import { createHistory, type History } from "./history.ts";
import { readSamples, sampleFolder } from "./samples.ts";
import { Senders, type SendersOptions, type SentCounts } from "./senders.ts";
import { Traffic } from "./traffic.ts";

/** Simulated events per second of the demo shop, averaged over a day. */
export const shopRate = 0.12;

export interface DemoOptions extends SendersOptions {
  /** Simulated events per second from `anchor` on, averaged over a day; default: as in the history. */
  readonly rate?: number;
  /** Called once per second. */
  readonly onProgress?: (progress: DemoProgress) => void;
  /** The same seed, anchor and rate give the same events. */
  readonly seed?: number;
  /** The demo's first start: the history ends and the live traffic begins here. Default: now. */
  readonly anchor?: Date;
  /** Days of history; default 61, so that a month can be compared with the one before it. */
  readonly historyDays?: number;
  /** Parts of the history that were sent before. */
  readonly sentParts?: number;
  /** Up to when the live traffic was sent before; default: `anchor`. */
  readonly liveUntil?: Date;
  /** Called when all events before these marks have a verdict. */
  readonly onSent?: (marks: { readonly parts?: number; readonly liveUntil?: Date }) => void;
  /** False: return after the history. */
  readonly live?: boolean;
  readonly dataFolder?: URL;
  readonly now?: () => number;
}

export interface DemoProgress extends SentCounts {
  readonly phase: "history" | "live" | "done";
  /** Events of the history passed to the clients, and their total, approximately. */
  readonly sent: number;
  readonly total: number;
  /** The last problem, if any. */
  readonly problem: string | undefined;
}

const defaultHistoryDays = 61;
const tickMs = 50;
const longestTickMs = 600_000;
const saveMs = 5_000;
/** After a long stop at a high rate the demo catches up with the newest events only. */
const mostToCatchUp = 200_000;

/**
 * Sends the history of the demo shop, and at the same time the traffic of the shop as it happens, until
 * the signal aborts. Resolves with the last progress. Prints nothing.
 * @throws RefusedError when a key is refused; an error when the samples cannot be read
 */
export async function runDemo(options: DemoOptions): Promise<DemoProgress> {
  const { rate = shopRate, seed = 1, historyDays = defaultHistoryDays } = options;
  const now = options.now ?? Date.now;
  const anchor = options.anchor?.getTime() ?? now();
  const samples = await readSamples(options.dataFolder ?? sampleFolder);
  const { catalogue } = samples;
  const traffic = new Traffic({
    ...{ catalogue, seed, anchor, rate },
    historyRate: shopRate,
    historyDays,
  });
  const history = createHistory(samples, traffic, historyDays);
  // one that fails ends the other
  const failed = new AbortController();
  const signal = AbortSignal.any([options.signal, failed.signal]);
  const senders = new Senders({ ...options, signal });
  const demo = new Demo({ ...options, signal, now, rate }, senders, history);
  const work = [demo.sendHistory()];
  if (options.live !== false) {
    work.push(demo.sendLive(traffic, options.liveUntil?.getTime() ?? anchor));
  }
  try {
    await Promise.all(work);
    return demo.report("done");
  } finally {
    failed.abort();
    await Promise.allSettled(work);
    await senders.close();
  }
}

type Settings = DemoOptions & { readonly now: () => number; readonly rate: number };

class Demo {
  readonly #options: Settings;
  readonly #senders: Senders;
  readonly #history: History;
  #sent = 0;
  #isHistorySent = false;

  constructor(options: Settings, senders: Senders, history: History) {
    this.#options = options;
    this.#senders = senders;
    this.#history = history;
  }

  report(phase: DemoProgress["phase"]): DemoProgress {
    const { problem } = this.#senders;
    const counts = this.#senders.counts();
    const progress = { phase, problem, sent: this.#sent, total: this.#history.events, ...counts };
    this.#options.onProgress?.(progress);
    return progress;
  }

  async sendHistory(): Promise<void> {
    const { signal, sentParts = 0, onSent } = this.#options;
    const { parts, events } = this.#history;
    if (parts > 0) this.#sent = Math.round((events * Math.min(sentParts, parts)) / parts);
    for (let part = sentParts; part < parts && !signal.aborted; part++) {
      const ofPart = this.#history.part(part);
      await this.#senders.send(ofPart);
      this.#sent += ofPart.length;
      if (this.#options.live === false) this.report("history");
      if (part % 16 === 15 && (await this.#isSettled())) onSent?.({ parts: part + 1 });
      // the live traffic and timers get their turn between two parts
      await pause(0, signal);
    }
    if (!(await this.#isSettled())) return;
    if (sentParts < parts) onSent?.({ parts });
    this.#isHistorySent = true;
  }

  /** What happened since `from`, and from then on what happens. */
  async sendLive(traffic: Traffic, from: number): Promise<void> {
    const { signal, now, rate, onSent } = this.#options;
    const mostMs = rate === 0 ? dayMs : (1000 * mostToCatchUp) / rate;
    let before = now();
    let live = traffic.startingAt(Math.max(from, before - mostMs));
    let reported = 0;
    let saved = before;
    while (!signal.aborted) {
      const time = now();
      // the clock stepped: what it skipped is sent as far as it fits into memory, and nothing twice
      if (Math.abs(time - before) > longestTickMs) {
        live = traffic.startingAt(Math.max(Math.min(before, time), time - mostMs));
      }
      before = time;
      await this.#senders.send(live.until(time));
      if (Math.abs(time - reported) >= 1_000) {
        this.report(this.#isHistorySent ? "live" : "history");
        reported = time;
      }
      if (Math.abs(time - saved) >= saveMs && this.#senders.counts().queued === 0) {
        onSent?.({ liveUntil: new Date(time) });
        saved = time;
      }
      await pause(tickMs, signal);
    }
  }

  /** False when the signal aborted first. */
  async #isSettled(): Promise<boolean> {
    await this.#senders.settle();
    return !this.#options.signal.aborted;
  }
}
