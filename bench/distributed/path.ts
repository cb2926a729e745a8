/** The whole path at a steady rate: produce -> intake -> raw log -> relay, windows, vectors. */
import { setTimeout as delay } from "node:timers/promises";
import { createGroupConsumer } from "../../server/src/adapters/kafka/consumer/group-consumer.ts";
import { kafkaConnection } from "../../server/src/compose/kafka.ts";
import type {
  GeneratedEvent,
  GeneratedEvents,
} from "../../server/src/parts/demo/generator/generated-events.ts";
import { productName } from "../../testing/product-name.ts";
import { countCpu } from "../cpu-by-process.ts";
import { quantile } from "../running-weir.ts";
import { messageOf, type Stage } from "./stage.ts";

export interface PathOptions {
  readonly rate: number;
  readonly seconds: number;
  readonly events: GeneratedEvents;
  /** Number of the first event: earlier runs sent those before it. */
  readonly from: number;
}

type ShopEvent = GeneratedEvent["event"];

/** One event in so many is about a new product that is then looked for. */
const probeEvery = 50;
/** At most so many are looked for at a time: the polling must not be the load. */
const mostProbes = 40;
const tickMs = 10;
const settleMs = 120_000;

/** Returns the number of events sent. */
export async function measurePath(stage: Stage, options: PathOptions): Promise<number> {
  const { rate, seconds, events, from } = options;
  const sentAt = new Map<string, number>();
  const copies: number[] = [];
  const found: number[] = [];
  const stop = new AbortController();
  const reading = readCopies(stage, stop.signal, (id) => {
    const at = sentAt.get(id);
    if (at !== undefined) copies.push(performance.now() - at);
    sentAt.delete(id);
  });
  const { system } = stage;
  const counted = countCpu(system.run.pids["supervisor"] ?? 0, system.run.database_url);
  const watching = new Set<Promise<void>>();
  const storedBefore = await stage.stored();
  let sent = 0;
  const began = performance.now();
  while (performance.now() - began < seconds * 1000) {
    const due = Math.floor(((performance.now() - began) / 1000) * rate) - sent;
    if (due > 0) {
      const at = performance.now();
      const batch = Array.from({ length: due }, (_, place) => probe(events, from + sent + place));
      sent += due;
      for (const { event_id } of batch) sentAt.set(String(event_id), at);
      void stage.producer.send(batch.map((event) => messageOf(stage, event)));
      for (const { product } of batch.filter(isProbe)) {
        if (watching.size >= mostProbes) break;
        const watched = untilFound(stage, String(product?.id), at)
          .then((ms) => void found.push(ms))
          .finally(() => watching.delete(watched));
        watching.add(watched);
      }
    }
    await delay(tickMs);
  }
  const took = (performance.now() - began) / 1000;
  const cpu = await counted();
  const storedAtEnd = (await stage.stored()) - storedBefore;
  const settled = performance.now();
  while (sentAt.size > 0 && performance.now() - settled < settleMs) await delay(50);
  await Promise.all(watching);
  const windowsMs = await windowsSettled(stage, settled);
  stop.abort();
  await reading;

  console.log(`${rate} events/s for ${seconds} s: sent ${(sent / took).toFixed(0)}/s`);
  console.log(
    `  stored when the last was sent ${storedAtEnd} of ${sent}; all in topic events ${sentAt.size === 0 ? "yes" : `no, ${sentAt.size} missing`}; windows settled after ${(windowsMs / 1000).toFixed(1)} s`,
  );
  console.log(`  produce -> raw log -> topic events: ${percentiles(copies)}`);
  console.log(`  produce -> searchable: ${percentiles(found)}`);
  const shares = cpu.byName
    .slice(0, 12)
    .map(([name, micros]) => `${name} ${(micros / sent).toFixed(1)}`);
  console.log(`  CPU per event, µs: ${shares.join(", ")}`);
  return sent;
}

function probe(events: GeneratedEvents, n: number): ShopEvent {
  const { event } = events.at(n);
  const timestamp = new Date().toISOString();
  if (n % probeEvery !== 0) return { ...event, timestamp };
  const product = { id: `probe-${n}`, name: productName(n), category: "Probes", price: 10 };
  return { ...event, event_type: "view", timestamp, product: { ...product, currency: "TRY" } };
}

const isProbe = ({ product }: ShopEvent) => product?.id.startsWith("probe-") === true;

/** Milliseconds from `at` until the product has neighbours. */
async function untilFound({ system }: Stage, id: string, at: number): Promise<number> {
  for (;;) {
    const response = await fetch(`${system.run.url}/api/products/${id}/similar?limit=1`, {
      headers: { "x-api-key": system.key },
    });
    await response.arrayBuffer();
    if (response.status === 200) return performance.now() - at;
    if (performance.now() - at > settleMs) throw new Error(`${id} was not found in time`);
    await delay(10);
  }
}

/** Milliseconds from `since` until the windows have read the whole log. */
async function windowsSettled({ system }: Stage, since: number): Promise<number> {
  for (;;) {
    const response = await fetch(`${system.run.url}/health`, {
      headers: { "x-api-key": system.key },
    });
    const { checks } = (await response.json()) as {
      checks: Record<string, { facts?: { read_s?: number } }>;
    };
    const waited = performance.now() - since;
    if ((checks["etl"]?.facts?.read_s ?? 0) < 1 || waited > settleMs) return waited;
    await delay(100);
  }
}

/** Calls `each` with the id of every message of `events`. */
function readCopies(
  { config }: Stage,
  signal: AbortSignal,
  each: (id: string) => void,
): Promise<void> {
  const nothing = () => undefined;
  const consumer = createGroupConsumer({
    connection: kafkaConnection(config),
    topic: `${config.kafka.topics.prefix}events`,
    group: `bench-${process.hrtime.bigint()}`,
    startFrom: "earliest",
    maxBytes: 64 * 1024 * 1024,
    batch: { messages: 1_000, bytes: 4 * 1024 * 1024 },
    handle: async (messages) => {
      for (const { headers } of messages) {
        const header = headers.find(([name]) => name.toString() === "weir-event-id");
        if (header !== undefined) each(String(header[1]));
      }
    },
    observer: {
      ...{ assigned: nothing, rebalancing: nothing, committed: nothing, fenced: nothing },
      ...{ reset: nothing, inFlight: nothing, stuck: nothing, failed: nothing, succeeded: nothing },
    },
  });
  return consumer.run(signal);
}

function percentiles(times: number[]): string {
  const sorted = times.sort((a, b) => a - b);
  const at = (share: number) => quantile(sorted, share);
  return `p50 ${at(0.5)} ms, p95 ${at(0.95)} ms, p99 ${at(0.99)} ms, max ${at(1)} ms (${sorted.length})`;
}
