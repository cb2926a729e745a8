import { createClient } from "@weir/sdk";
import { readSamples, sampleFolder } from "./samples.ts";
import { Traffic } from "./traffic.ts";
import { unlessAborted } from "./unless-aborted.ts";

export interface BurstOptions {
  readonly url: string;
  readonly key: string;
  /** Number of events, sent as fast as they are accepted. */
  readonly events: number;
  readonly signal: AbortSignal;
  readonly onProgress?: (progress: BurstProgress) => void;
  readonly seed?: number;
  /** Number of concurrent senders; default 4. */
  readonly lanes?: number;
  readonly dataFolder?: URL;
  readonly now?: () => number;
}

export interface BurstProgress {
  readonly accepted: number;
  readonly failed: number;
  readonly total: number;
  /** Seconds since the first event was sent. */
  readonly seconds: number;
}

/** At a high rate a short simulated time contains enough events of all kinds. */
const simulatedRate = 20_000;

/**
 * Sends `events` simulated events with current times, as fast as the server accepts them.
 * @throws RefusedError when the key is refused
 */
export async function runBurst(options: BurstOptions): Promise<BurstProgress> {
  const { signal, events: total } = options;
  const now = options.now ?? Date.now;
  const { catalogue } = await readSamples(options.dataFolder ?? sampleFolder);
  const begun = now();
  let clock = begun - Math.ceil((total / simulatedRate) * 1000) - 60_000;
  const traffic = new Traffic({
    catalogue,
    seed: options.seed ?? begun,
    anchor: clock,
    rate: simulatedRate,
    historyRate: simulatedRate,
    historyDays: 0,
  }).startingAt(clock, 20 * 60_000);
  const lanes = Array.from({ length: options.lanes ?? 4 }, () =>
    createClient({
      url: options.url,
      key: options.key,
      batch: { events: 1_000, bytes: 2 * 1024 * 1024, delayMs: 20 },
      queue: { events: 3_000 },
      flushOnExit: false,
      onVerdict: () => undefined,
      onDrop: () => undefined,
      onRefused: () => undefined,
    }),
  );
  const progress = (): BurstProgress => {
    const stats = lanes.map((lane) => lane.stats());
    return {
      accepted: stats.reduce((sum, { accepted }) => sum + accepted, 0),
      failed: stats.reduce(
        (sum, { rejected, conflict, dropped }) => sum + rejected + conflict + dropped,
        0,
      ),
      total,
      seconds: (now() - begun) / 1000,
    };
  };
  let sent = 0;
  try {
    while (sent < total && !signal.aborted) {
      clock += 50;
      for (const { event } of traffic.until(clock).slice(0, total - sent)) {
        const lane = lanes[sent++ % lanes.length];
        if (lane === undefined) continue;
        await unlessAborted(lane.ready(), signal);
        if (signal.aborted) break;
        lane.track(event);
      }
      options.onProgress?.(progress());
    }
    const flushes = Promise.all(lanes.map((lane) => lane.flush({ timeoutMs: 60_000 })));
    await unlessAborted(flushes, signal);
    return progress();
  } finally {
    await Promise.all(lanes.map((lane) => lane.close({ timeoutMs: signal.aborted ? 500 : 5_000 })));
  }
}
