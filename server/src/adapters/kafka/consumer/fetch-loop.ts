/** Fetches messages for partitions that have room, one request at a time from each broker. */
import { pause } from "../../../timing/pause.ts";
import { createWake, type Wake } from "../../../timing/wake.ts";
import { brokerSays, leaderMoved } from "./library-errors.ts";
import { endsOf, type FetchResponse, type KafkaClient } from "./offsets.ts";
import type { GroupConsumerOptions } from "./options.ts";
import type { Partition } from "./partition.ts";
import { readRecords } from "./records.ts";

export interface FetchLoopOptions {
  /** Used for nothing else: a fetch that waits for messages delays what follows it on its connection. */
  readonly client: KafkaClient;
  readonly consumer: GroupConsumerOptions;
  readonly topicId: string;
  readonly partitions: ReadonlyMap<number, Partition>;
  /** Bytes that were fetched and are not done. */
  readonly bytesInFlight: () => number;
  readonly onFetched: (bytes: number) => void;
}

/** How long a broker waits for messages: also the longest that a partition with room again waits for its turn. */
const waitMs = 100;
const partitionBytes = 1024 * 1024;
const answerBytes = 8 * 1024 * 1024;
const leaderPauseMs = 200;

export interface FetchLoop {
  /** There may be room again. */
  wake(): void;
  /** Until the signal aborts. Rejects when the brokers do not answer. */
  run(signal: AbortSignal): Promise<void>;
}

export function createFetchLoop(options: FetchLoopOptions): FetchLoop {
  const wake = createWake();
  return { wake: wake.wake, run: (signal) => run(options, wake, signal) };
}

async function run(options: FetchLoopOptions, wake: Wake, signal: AbortSignal): Promise<void> {
  const busy = new Set<number>();
  let failure: { readonly error: unknown } | undefined;
  while (!signal.aborted && failure === undefined) {
    for (const [node, partitions] of await readyByNode(options, busy)) {
      busy.add(node);
      void fetchFrom(options, node, partitions)
        .catch((error: unknown) => {
          failure ??= { error };
        })
        .finally(() => {
          busy.delete(node);
          wake.wake();
        });
    }
    await wake.wait(1_000, signal);
  }
  if (failure !== undefined && !signal.aborted) throw failure.error;
}

/** Partitions with room, by their leader; none while as much as allowed is in memory. */
async function readyByNode(
  { client, consumer, partitions, bytesInFlight }: FetchLoopOptions,
  busy: ReadonlySet<number>,
): Promise<ReadonlyMap<number, readonly Partition[]>> {
  const ready = [...partitions.values()].filter(({ isFull }) => !isFull);
  const byNode = new Map<number, Partition[]>();
  if (ready.length === 0 || bytesInFlight() >= consumer.maxBytes) return byNode;
  const { topics } = await client.metadata({ topics: [consumer.topic] });
  for (const partition of ready) {
    const node = topics.get(consumer.topic)?.partitions[partition.number]?.leader ?? -1;
    if (busy.has(node)) continue;
    const known = byNode.get(node);
    if (known === undefined) byNode.set(node, [partition]);
    else known.push(partition);
  }
  return byNode;
}

async function fetchFrom(
  options: FetchLoopOptions,
  node: number,
  partitions: readonly Partition[],
): Promise<void> {
  const { client, consumer, bytesInFlight } = options;
  const left = Math.max(1, consumer.maxBytes - bytesInFlight());
  // in another order each time: an answer that is full leaves the last ones out
  const order = [...partitions].sort(() => Math.random() - 0.5);
  try {
    const response = await client.fetch({
      node,
      maxWaitTime: waitMs,
      minBytes: 1,
      maxBytes: Math.min(left, answerBytes),
      topics: [
        {
          topicId: options.topicId,
          partitions: order.map(({ number, position }) => ({
            partition: number,
            fetchOffset: position,
            partitionMaxBytes: Math.min(left, partitionBytes),
            currentLeaderEpoch: -1,
            lastFetchedEpoch: -1,
          })),
        },
      ],
    });
    consumer.observer.succeeded();
    deliver(options, partitions, response);
  } catch (error) {
    if (brokerSays(error, "OFFSET_OUT_OF_RANGE")) await reset(options, partitions);
    else if (brokerSays(error, ...leaderMoved)) {
      client.clearMetadata();
      await pause(leaderPauseMs);
    } else throw error;
  }
}

function deliver(
  { consumer: { topic }, topicId, onFetched }: FetchLoopOptions,
  asked: readonly Partition[],
  { responses }: FetchResponse,
): void {
  for (const fetched of responses.flatMap(({ partitions }) => partitions)) {
    const partition = asked.find(({ number }) => number === fetched.partitionIndex);
    // an answer to an incremental request may name others
    if (partition === undefined) continue;
    partition.highWatermark = fetched.lastStableOffset;
    const read = readRecords(fetched, { topic, topicId, from: partition.position });
    partition.add(read);
    onFetched(read.bytes);
  }
}

/**
 * Retention has dropped messages that were not read, or the topic was restored and ends earlier: reading continues with
 * the first message that the topic has. What is read twice is recognised by its identity.
 */
async function reset(
  { client, consumer }: FetchLoopOptions,
  partitions: readonly Partition[],
): Promise<void> {
  const { topic, observer } = consumer;
  const ends = await endsOf(client, { topic, partitions: partitions.map(({ number }) => number) });
  for (const partition of partitions) {
    const { earliest, latest } = ends.get(partition.number) ?? { earliest: 0n, latest: 0n };
    const from = partition.position;
    if (from >= earliest && from <= latest) continue;
    partition.position = earliest;
    observer.reset({ partition: partition.number, from, to: earliest });
  }
}
