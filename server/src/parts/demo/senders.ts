import { type Client, type ClientStats, createClient, type Drop } from "@weir/sdk";
import { pause } from "../../timing/pause.ts";
import { type DemoEvent, type DemoSource, demoSources } from "./demo-event.ts";
import { unlessAborted } from "./unless-aborted.ts";

const roomMs = 10;

export interface SendersOptions {
  readonly url: string;
  /** The API key of each service. */
  readonly keys: Readonly<Record<DemoSource, string>>;
  readonly signal: AbortSignal;
}

/** The events of all services so far, by result. */
export interface SentCounts {
  readonly accepted: number;
  /** Stored before: `duplicate`, or `conflict` when an earlier run used another anchor. */
  readonly known: number;
  readonly rejected: number;
  readonly dropped: number;
  readonly queued: number;
  readonly retries: number;
}

/** One client for each service of the demo shop. */
export class Senders {
  readonly #clients: Readonly<Record<DemoSource, Client>>;
  readonly #signal: AbortSignal;
  /** Why the last event was dropped, rejected or retried. */
  problem: string | undefined;

  constructor(options: SendersOptions) {
    this.#signal = options.signal;
    const connect = (source: DemoSource) =>
      createClient({
        url: options.url,
        key: options.keys[source],
        batch: { events: 1_000, delayMs: 100 },
        queue: { events: 5_000, whenFull: "drop_newest" },
        retry: { maxMs: 2_000 },
        flushOnExit: false,
        onVerdict: ({ verdict, event_id, detail }) => {
          if (verdict === "rejected") this.problem = `${source}: ${event_id} rejected: ${detail}`;
        },
        onDrop: ({ reason, detail }: Drop) => {
          this.problem = `${source}: dropped, ${reason}: ${detail}`;
        },
        onRefused: (error) => {
          this.problem = `${source}: ${error.message}`;
        },
        onRetry: ({ cause }) => {
          this.problem = `${source}: ${cause}`;
        },
      });
    this.#clients = {
      "shop-web": connect("shop-web"),
      "shop-ios": connect("shop-ios"),
      "shop-pos": connect("shop-pos"),
    };
  }

  /**
   * Sends in order; waits while a client's queue is full. Returns early when the signal aborts.
   * @throws RefusedError when a key is refused
   */
  async send(events: Iterable<DemoEvent>): Promise<void> {
    for (const { source, event } of events) {
      if (this.#signal.aborted) return;
      const client = this.#clients[source];
      // again after each wait: the history and the live traffic wait for the same room
      while (!hasRoom(client.stats()) && !this.#signal.aborted) {
        await unlessAborted(client.ready(), this.#signal);
        if (!hasRoom(client.stats())) await pause(roomMs, this.#signal);
      }
      if (!this.#signal.aborted) client.track(event);
    }
  }

  /** Waits until every event sent so far has a verdict. */
  async settle(): Promise<void> {
    while (!this.#signal.aborted) {
      const flushes = demoSources.map((source) =>
        this.#clients[source].flush({ timeoutMs: 1_000 }),
      );
      await unlessAborted(Promise.all(flushes), this.#signal);
      if (this.counts().queued === 0) return;
    }
  }

  counts(): SentCounts {
    const sum = (of: (stats: ClientStats) => number) =>
      demoSources.reduce((total, source) => total + of(this.#clients[source].stats()), 0);
    return {
      accepted: sum((stats) => stats.accepted),
      known: sum((stats) => stats.duplicate + stats.conflict),
      rejected: sum((stats) => stats.rejected),
      dropped: sum((stats) => stats.dropped),
      queued: sum((stats) => stats.queued),
      retries: sum((stats) => stats.retries),
    };
  }

  async close(): Promise<void> {
    const timeoutMs = this.#signal.aborted ? 500 : 5_000;
    await Promise.all(demoSources.map((source) => this.#clients[source].close({ timeoutMs })));
  }
}

function hasRoom({ queued, queuedBytes, state }: ClientStats): boolean {
  return state !== "refused" && queued < 5_000 && queuedBytes < 15 * 1024 * 1024;
}
