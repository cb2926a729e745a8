/**
 * The part `relay`: copies the raw log to a topic, at least once, events of one key in the order of the log. Several
 * processes may run it; one holds the lease and relays, the others wait for its heartbeat to stop.
 */
import type { EventKey } from "@weir/protocol";
import { messageOf } from "../../core/errors.ts";
import type { Database, Notifications } from "../../core/ports/database.ts";
import type { RangeReader } from "../../core/ports/log.ts";
import type { Part } from "../../core/ports/part.ts";
import { createBackoff } from "../../timing/backoff.ts";
import { pause } from "../../timing/pause.ts";
import { createWake } from "../../timing/wake.ts";
import { createLeaseTaker, keepLease, type Lease, releaseLease } from "./lease.ts";
import { createMessageMaker } from "./messages.ts";
import { adoptTopic, lossOf, Offsets, readOffsets } from "./offsets.ts";
import type { RelayTopic } from "./ports.ts";
import { PositionMoved, pump, type RelayedPage, TopicLost } from "./pump.ts";

export interface RelayOptions {
  /** At least four connections; sessions in the order of the log (parts/log/logged-events.ts). */
  readonly database: Database;
  readonly notifications: Notifications;
  /** The reader `relay`. */
  readonly log: RangeReader;
  readonly topic: RelayTopic;
  /** Unique among processes, and readable: host, pid. */
  readonly owner: string;
  readonly key: EventKey;
  readonly pageEvents: number;
  readonly bufferBytes: number;
  readonly intervalMs: number;
  readonly onPage?: (page: RelayedPage) => void;
  readonly onBuffer?: (bytes: number) => void;
  readonly onTopic?: (about: { readonly differences: readonly string[] }) => void;
  /** The topic has lost messages: they are not sent again without an order (relay.rewind). */
  readonly onLoss?: (loss: string) => void;
  readonly onError?: (error: unknown) => void;
}

const standbyMs = 1_000;
const backoffMs = { firstMs: 100, lastMs: 5_000 } as const;

export function createRelay(options: RelayOptions): Part {
  const { database, notifications, owner, topic } = options;
  const messages = createMessageMaker(options.key);
  let problem: string | undefined;
  /** Noticed while sending, and not recorded yet. */
  let loss: string | undefined;

  async function run(signal: AbortSignal): Promise<void> {
    const takeLease = createLeaseTaker(database, owner);
    const wake = createWake();
    const unsubscribe = notifications.subscribe("weir_raw", () => wake.wake());
    const backoff = createBackoff(backoffMs);
    try {
      while (!signal.aborted) {
        try {
          const lease = await takeLease();
          if (lease === undefined) {
            problem = undefined;
            await pause(standbyMs, signal);
          } else await lead(lease, signal);
          backoff.reset();
        } catch (error) {
          if (signal.aborted) return;
          if (error instanceof PositionMoved) continue;
          problem = messageOf(error);
          if (error instanceof TopicLost) loss = error.message;
          options.onError?.(error);
          await pause(backoff.next(), signal);
        }
      }
    } finally {
      unsubscribe();
    }

    async function lead(lease: Lease, stop: AbortSignal): Promise<void> {
      const lost = new AbortController();
      const beating = new AbortController();
      const heartbeat = keepLease(database, lease, beating.signal).finally(() => lost.abort());
      try {
        const offsets = await prepareTopic(lease);
        await options.log.register();
        problem = undefined;
        await pump(
          {
            ...{ database, topic, messages, offsets, wake, epoch: lease.epoch },
            ...{ log: options.log, pageEvents: options.pageEvents },
            ...{ bufferBytes: options.bufferBytes, intervalMs: options.intervalMs },
            onPage: (page) => {
              backoff.reset();
              options.onPage?.(page);
            },
            onBuffer: (bytes) => options.onBuffer?.(bytes),
            onProblem: (error) => {
              problem = error === undefined ? undefined : messageOf(error);
            },
          },
          AbortSignal.any([stop, lost.signal]),
        );
      } finally {
        beating.abort();
        await heartbeat;
        await releaseLease(database, lease).catch(() => {});
      }
    }
  }

  /** The topic as it is now, compared with what is known of it. */
  async function prepareTopic(lease: Lease): Promise<Offsets> {
    const differences = await topic.prepare();
    options.onTopic?.({ differences });
    const ends = await topic.ends();
    const found = loss ?? lossOf(await readOffsets(database), topic.name, ends);
    const offsets = new Offsets(ends.end);
    const adopted = await adoptTopic(database, {
      ...{ epoch: lease.epoch, topic: topic.name, topicId: ends.topicId },
      ...{ leastEnds: offsets.leastEnds, loss: found, differences },
    });
    if (!adopted) throw new PositionMoved("another process relays");
    loss = undefined;
    if (found !== undefined) options.onLoss?.(found);
    return offsets;
  }

  return { name: "relay", run, problem: () => problem };
}
