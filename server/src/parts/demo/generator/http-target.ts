import { createClient } from "@weir/sdk";
import { Latencies } from "./latencies.ts";
import type { Outcomes, TrafficTarget } from "./target.ts";

export interface HttpTargetOptions {
  readonly url: string;
  /** An API key. */
  readonly key: string;
  readonly gzip: boolean;
  readonly signal: AbortSignal;
  /** Number of clients, each with one request at a time; default 4. */
  readonly lanes?: number;
}

const batch = { events: 1_000, bytes: 2 * 1024 * 1024, delayMs: 20 };
const queue = { events: 3_000 };

/** Sends batches over connections that stay open, through the SDK: it repeats what was not answered. */
export function createHttpTarget(options: HttpTargetOptions): TrafficTarget {
  const { url, key, gzip, signal } = options;
  const latencies = new Latencies();
  let problem: ReturnType<TrafficTarget["problem"]>;
  const lanes = Array.from({ length: options.lanes ?? 4 }, () =>
    createClient({
      url,
      key,
      gzip,
      batch,
      queue,
      retry: { maxMs: 2_000 },
      flushOnExit: false,
      fetch: async (...request) => {
        const began = performance.now();
        const response = await fetch(...request);
        latencies.add(performance.now() - began);
        if (response.ok && problem?.final === false) problem = undefined;
        return response;
      },
      onVerdict: () => undefined,
      onDrop: () => undefined,
      onRefused: ({ message }) => {
        problem = { text: message, final: true };
      },
      onRetry: ({ cause }) => {
        problem = { text: cause, final: false };
      },
    }),
  );
  let next = 0;
  return {
    send({ event }) {
      const lane = lanes[next++ % lanes.length];
      lane?.track(event);
      const { queued = 0 } = lanes[next % lanes.length]?.stats() ?? {};
      // so that the next lane has room
      return queued < queue.events - 1 ? undefined : lanes[next % lanes.length]?.ready();
    },
    async flush() {
      while (!signal.aborted && problem?.final !== true) {
        const flushes = lanes.map((lane) => lane.flush({ timeoutMs: 1_000 }));
        const left = await Promise.all(flushes);
        if (left.every(({ pending }) => pending === 0)) return;
      }
    },
    outcomes() {
      const total = { accepted: 0, duplicate: 0, conflict: 0, rejected: 0, failed: 0, retries: 0 };
      for (const lane of lanes) {
        const { dropped, ...stats } = lane.stats();
        total.failed += dropped;
        for (const name of ["accepted", "duplicate", "conflict", "rejected", "retries"] as const) {
          total[name] += stats[name];
        }
      }
      return total satisfies Outcomes;
    },
    latency: (share) => latencies.percentile(share),
    problem: () => problem,
    async close() {
      const timeoutMs = signal.aborted ? 500 : 5_000;
      await Promise.all(lanes.map((lane) => lane.close({ timeoutMs })));
    },
  };
}
