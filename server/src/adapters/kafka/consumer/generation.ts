/** What one member does in one generation of its group: it reads its partitions, and commits as that member only. */

import { withDeadline } from "../../../timing/deadline.ts";
import { pause } from "../../../timing/pause.ts";
import { createWake } from "../../../timing/wake.ts";
import { createFetchLoop, type FetchLoop } from "./fetch-loop.ts";
import { brokerSays, fencedCodes } from "./library-errors.ts";
import {
  type Committer,
  committedOffsets,
  createCommitter,
  endsOf,
  type KafkaClient,
} from "./offsets.ts";
import type { ConsumerTimes, GroupConsumerOptions } from "./options.ts";
import { Partition } from "./partition.ts";

export interface GenerationOptions {
  readonly consumer: GroupConsumerOptions;
  readonly times: ConsumerTimes;
  /** For fetches and for nothing else. */
  readonly fetcher: KafkaClient;
  readonly member: KafkaClient;
  readonly memberId: string;
  readonly generationId: number;
  readonly partitions: readonly number[];
  readonly onFailure: (error: unknown) => void;
}

const commitLimitMs = 3_000;
const closeLimitMs = 2_000;

export class Generation {
  readonly #options: GenerationOptions;
  readonly #committer: Committer;
  readonly #lost = new AbortController();
  readonly #partitions = new Map<number, Partition>();
  readonly #committed = new Map<number, bigint>();
  readonly #toCommit = createWake();
  #fetching: FetchLoop | undefined;
  #running: Promise<unknown> = Promise.resolve();
  #committing: Promise<void> = Promise.resolve();
  #bytes = 0;
  #fenced = false;

  constructor(options: GenerationOptions) {
    this.#options = options;
    const { consumer, memberId, generationId } = options;
    const { connection, group } = consumer;
    this.#committer = createCommitter({ connection, group, memberId, generationId });
  }

  /** Messages that exist and are not done, by partition. */
  lag(): ReadonlyMap<number, bigint> {
    return new Map([...this.#partitions].map(([number, { lag }]) => [number, lag]));
  }

  /** Reads until `end`. Resolves when it has begun. Rejects when the brokers do not answer. */
  async start(): Promise<void> {
    const { consumer, fetcher, onFailure, partitions: numbers } = this.#options;
    consumer.observer.assigned(numbers);
    if (numbers.length === 0) return;
    const signal = this.#lost.signal;
    const { topics } = await fetcher.metadata({ topics: [consumer.topic], forceUpdate: true });
    const topicId = topics.get(consumer.topic)?.id ?? "";
    await this.#openPartitions();
    if (signal.aborted) return;
    const fetching = createFetchLoop({
      ...{ client: fetcher, consumer, topicId, partitions: this.#partitions },
      bytesInFlight: () => this.#bytes,
      onFetched: (bytes) => this.#count(bytes),
    });
    this.#fetching = fetching;
    void fetching.run(signal).catch(onFailure);
    this.#running = Promise.all([...this.#partitions.values()].map((one) => one.run(signal)));
    this.#committing = this.#commitRegularly(signal);
    this.#committing.catch(onFailure);
  }

  /**
   * Takes no more messages, waits until those in flight are stored, commits their offsets, and releases the partitions.
   * Never rejects.
   */
  async end(): Promise<void> {
    const { times, consumer } = this.#options;
    this.#lost.abort(new Error("the partitions are released"));
    await Promise.race([this.#running, pause(times.drainMs)]).catch(() => {});
    await withDeadline(
      async () => {
        await this.#committing.catch(() => {});
        await this.#commit().catch((error: unknown) => consumer.observer.failed(error));
      },
      { ms: commitLimitMs, late: undefined },
    );
    // offsets of what is stored from now on are not committed: the next owner reads it again
    this.#fenced = true;
    consumer.observer.inFlight(0);
    await withDeadline(() => this.#committer.close().catch(() => {}), {
      ms: closeLimitMs,
      late: undefined,
    });
  }

  async #openPartitions(): Promise<void> {
    const { consumer, member, fetcher, partitions: numbers } = this.#options;
    const { topic, batch, handle, observer, startFrom } = consumer;
    const assigned = { topic, partitions: numbers };
    const committed = await committedOffsets(member, assigned);
    const ends = await endsOf(fetcher, assigned);
    for (const number of numbers) {
      const known = committed.get(number);
      const from = known ?? ends.get(number)?.[startFrom] ?? 0n;
      // without a commit, what is sent before the first one would be skipped by a group that starts at the latest
      if (known !== undefined) this.#committed.set(number, known);
      const partition = new Partition({
        ...{ partition: number, from, batch, handle },
        onDone: (bytes) => {
          this.#count(-bytes);
          this.#toCommit.wake();
          this.#fetching?.wake();
        },
        onStuck: (stuck, error) => observer.stuck(stuck, error),
      });
      partition.highWatermark = ends.get(number)?.latest;
      this.#partitions.set(number, partition);
    }
  }

  #count(bytes: number): void {
    this.#bytes += bytes;
    this.#options.consumer.observer.inFlight(this.#bytes);
  }

  async #commitRegularly(signal: AbortSignal): Promise<void> {
    const { commitMs } = this.#options.times;
    while (!signal.aborted && !this.#fenced) {
      await this.#commit();
      await pause(commitMs, signal);
      await this.#toCommit.wait(60_000, signal);
    }
  }

  async #commit(): Promise<void> {
    const { topic, observer } = this.#options.consumer;
    const offsets = new Map<number, bigint>();
    for (const [number, { done }] of this.#partitions) {
      if (this.#committed.get(number) !== done) offsets.set(number, done);
    }
    if (offsets.size === 0 || this.#fenced) return;
    try {
      await this.#committer.commit(topic, offsets);
    } catch (error) {
      if (!brokerSays(error, ...fencedCodes)) throw error;
      this.#fenced = true;
      observer.fenced();
      return;
    }
    for (const [number, offset] of offsets) this.#committed.set(number, offset);
    observer.committed(offsets.size);
  }
}
