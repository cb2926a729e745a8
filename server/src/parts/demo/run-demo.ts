import { readFile } from "node:fs/promises";
import { pause } from "../../timing/pause.ts";
import { buildCatalogue, type Catalogue, categoryOf } from "./catalogue.ts";
import { type DemoEvent, dayMs } from "./demo-event.ts";
import { seededRandom } from "./random.ts";
import { parseShopRows, shopEvents } from "./rees46.ts";
import { Senders, type SendersOptions, type SentCounts } from "./senders.ts";
import { Traffic } from "./traffic.ts";
import { parseRetail, retailEvents } from "./uci.ts";

export interface DemoOptions extends SendersOptions {
  /** Simulated events per second, averaged over a day; a function is called repeatedly. Default 5. */
  readonly rate?: number | (() => number);
  /** Called at every change of phase and every second. */
  readonly onProgress?: (progress: DemoProgress) => void;
  /** Makes the simulated traffic repeatable: the same seed and times give the same events. */
  readonly seed?: number;
  /**
   * The instant that the samples are shifted to. With the same anchor a restart sends the same bytes, and
   * everything is a duplicate. With an anchor more than a week ago the samples are not sent.
   */
  readonly anchor?: Date;
  /** Simulated events in the week before `anchor`, as history for the analytics; default 20,000. */
  readonly history?: number;
  /** False: return after the samples. */
  readonly live?: boolean;
  readonly dataFolder?: URL;
  readonly now?: () => number;
}

export interface DemoProgress extends SentCounts {
  readonly phase: "replay" | "live" | "done";
  /** Events passed to the clients in this phase, and their total (replay only). */
  readonly sent: number;
  readonly total: number | undefined;
  /** The last problem, if any. */
  readonly problem: string | undefined;
}

/** The repository's `data/`. */
export const sampleFolder = new URL("../../../../data/", import.meta.url);

const weekMs = 7 * dayMs;
const tickMs = 50;
const longestTickMs = 600_000;
/** Simulated events that are older than this, because the server was unavailable, are skipped. */
const latestMs = 5_000;

/**
 * Replays the samples, then keeps simulated traffic running until the signal aborts. Resolves with the
 * last progress. Prints nothing.
 * @throws RefusedError when a key is refused; an error when the samples cannot be read
 */
export async function runDemo(options: DemoOptions): Promise<DemoProgress> {
  const now = options.now ?? Date.now;
  const anchor = options.anchor?.getTime() ?? now();
  const samples = await readSamples(options.dataFolder ?? sampleFolder);
  const senders = new Senders(options);
  const report = reporter(senders, options.onProgress);
  try {
    if (now() - anchor < weekMs) {
      const events = replayEvents(samples, {
        anchor,
        seed: options.seed,
        history: options.history,
      });
      await replay(events, { senders, report });
    }
    if (options.live !== false) await live(samples.catalogue, { options, senders, report, now });
    return report({ phase: "done" });
  } finally {
    await senders.close();
  }
}

export interface Samples {
  readonly retail: ReturnType<typeof parseRetail>;
  readonly shop: ReturnType<typeof parseShopRows>;
  readonly catalogue: Catalogue;
}

export async function readSamples(folder: URL): Promise<Samples> {
  const [retailText, shopText] = await Promise.all([
    readFile(new URL("uci-online-retail-5000.csv", folder), "utf8"),
    readFile(new URL("rees46-2019-oct-1000.csv", folder), "utf8"),
  ]);
  const retail = parseRetail(retailText);
  return { retail, shop: parseShopRows(shopText), catalogue: buildCatalogue(retail) };
}

/** Both samples and a simulated week, ordered by time; the same for the same anchor and seed. */
export function replayEvents(
  samples: Samples,
  options: {
    readonly anchor: number;
    readonly seed: number | undefined;
    readonly history: number | undefined;
  },
): DemoEvent[] {
  const { anchor, seed = 1, history = 20_000 } = options;
  const traffic = new Traffic({
    catalogue: samples.catalogue,
    random: seededRandom(seed),
    start: anchor - weekMs,
    rate: () => history / (weekMs / 1000),
  });
  return [
    ...retailEvents(samples.retail, { anchor, categoryOf }),
    ...shopEvents(samples.shop, anchor),
    ...traffic.until(anchor),
  ].sort((a, b) => a.at - b.at);
}

type Report = (at: Pick<DemoProgress, "phase"> & Partial<DemoProgress>) => DemoProgress;

function reporter(senders: Senders, onProgress: DemoOptions["onProgress"]): Report {
  let sent = 0;
  return (at) => {
    sent = at.sent ?? sent;
    const { problem } = senders;
    const progress = { sent, total: undefined, problem, ...senders.counts(), ...at };
    onProgress?.(progress);
    return progress;
  };
}

async function replay(
  events: readonly DemoEvent[],
  { senders, report }: { readonly senders: Senders; readonly report: Report },
): Promise<void> {
  const total = events.length;
  const chunk = 1_000;
  for (let sent = 0; sent < total; sent += chunk) {
    report({ phase: "replay", sent, total });
    await senders.send(events.slice(sent, sent + chunk));
  }
  await senders.settle();
  report({ phase: "replay", sent: total, total });
}

interface LiveOptions {
  readonly options: DemoOptions;
  readonly senders: Senders;
  readonly report: Report;
  readonly now: () => number;
}

async function live(
  catalogue: Catalogue,
  { options, senders, report, now }: LiveOptions,
): Promise<void> {
  const { signal, rate = 5 } = options;
  const trafficFrom = (start: number) =>
    new Traffic({
      catalogue,
      // another seed than that of the history, which would otherwise repeat
      random: seededRandom((options.seed ?? start) + 1),
      start,
      rate: typeof rate === "number" ? () => rate : rate,
    });
  let before = now();
  let traffic = trafficFrom(before);
  let sent = 0;
  let reported = 0;
  while (!signal.aborted) {
    const time = now();
    // the clock stepped: the traffic of what it skipped would not fit into memory
    if (Math.abs(time - before) > longestTickMs) traffic = trafficFrom(time);
    before = time;
    const due = traffic.until(time).filter(({ at }) => at > time - latestMs);
    await senders.send(due);
    sent += due.length;
    if (Math.abs(time - reported) >= 1_000) {
      report({ phase: "live", sent });
      reported = time;
    }
    await pause(tickMs, signal);
  }
}
