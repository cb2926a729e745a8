/**
 * A member of a consumer group whose offsets are committed when the messages before them are durable: at least once.
 * When the group rebalances, it drains and commits as the old member before it joins again; what it could not finish is
 * read again by the partition's next owner.
 *
 * The library's stream is not used: after a rebalance it may continue behind messages that were never handled, and it can
 * pause all partitions only together.
 */
import { Consumer } from "@platformatic/kafka";
import { createBackoff, jittered } from "../../../timing/backoff.ts";
import { withDeadline } from "../../../timing/deadline.ts";
import { pause } from "../../../timing/pause.ts";
import { clientOptions } from "../connection.ts";
import { Generation } from "./generation.ts";
import type { KafkaClient } from "./offsets.ts";
import { type ConsumerTimes, consumerTimes, type GroupConsumerOptions } from "./options.ts";

export interface GroupConsumer {
  /** Until the signal aborts and all that is in flight is stored. It connects again as often as needed; never rejects. */
  run(signal: AbortSignal): Promise<void>;
  /** Messages that exist and are not processed, by partition that this member has. */
  lag(): ReadonlyMap<number, bigint>;
}

const backoffMs = { firstMs: 200, lastMs: 5_000 } as const;
const closeLimitMs = 5_000;

export function createGroupConsumer(options: GroupConsumerOptions): GroupConsumer {
  const times = { ...consumerTimes, ...options.times };
  let session: Session | undefined;
  return {
    lag: () => session?.lag() ?? new Map(),
    async run(signal) {
      const backoff = createBackoff(backoffMs);
      while (!signal.aborted) {
        const started = performance.now();
        session = new Session(options, times);
        try {
          await session.run(signal);
        } catch (error) {
          if (!signal.aborted) options.observer.failed(error);
        }
        await session.close();
        session = undefined;
        if (performance.now() - started > 30_000) backoff.reset();
        await pause(jittered(backoff.next(), Math.random), signal);
      }
    },
  };
}

/** The clients of one membership, from the connection to the first failure. */
class Session {
  readonly #options: GroupConsumerOptions;
  readonly #times: ConsumerTimes;
  readonly #member: KafkaClient;
  readonly #fetcher: KafkaClient;
  readonly #failed = Promise.withResolvers<never>();
  #generation: Generation | undefined;
  /** Generations begin and end one after the other. */
  #turn: Promise<void> = Promise.resolve();

  constructor(options: GroupConsumerOptions, times: ConsumerTimes) {
    this.#options = options;
    this.#times = times;
    this.#failed.promise.catch(() => {});
    const base = clientOptions(options.connection);
    this.#member = new Consumer({
      ...base,
      groupId: options.group,
      retries: 3,
      autocommit: false,
      sessionTimeout: times.sessionMs,
      rebalanceTimeout: times.rebalanceMs,
      heartbeatInterval: times.heartbeatMs,
      heartbeatStallTimeout: times.sessionMs,
      // called before each request to join, and waited for
      protocolsMetadata: () => this.#beforeJoin(),
    });
    this.#fetcher = new Consumer({
      ...base,
      groupId: options.group,
      retries: 0,
      autocommit: false,
    });
    this.#listen();
  }

  lag(): ReadonlyMap<number, bigint> {
    return this.#generation?.lag() ?? new Map();
  }

  /** Resolves when the signal aborts. Rejects with the first failure. */
  async run(signal: AbortSignal): Promise<void> {
    const { topic } = this.#options;
    const aborted = new Promise<void>((resolve) => {
      if (signal.aborted) resolve();
      signal.addEventListener("abort", () => resolve(), { once: true });
    });
    this.#member.topics.track(topic);
    this.#fetcher.topics.track(topic);
    const joined = Promise.resolve(this.#member.joinGroup({})).catch((error: unknown) =>
      this.#failed.reject(error),
    );
    await Promise.race([joined, this.#failed.promise, aborted]);
    await Promise.race([this.#failed.promise, aborted]);
  }

  /** Ends the generation in order, leaves the group, and closes all connections. Never rejects. */
  async close(): Promise<void> {
    await this.#endGeneration();
    const close = async (client: KafkaClient) => {
      try {
        await client.close(true);
      } catch {
        // the connection is gone already
      }
    };
    await withDeadline(
      async () => {
        await Promise.all([close(this.#member), close(this.#fetcher)]);
      },
      { ms: closeLimitMs, late: undefined },
    );
  }

  #listen(): void {
    const { topic, observer } = this.#options;
    const fail = (error: unknown) => this.#failed.reject(error);
    // the library emits it for a request to join that failed
    this.#member.on("error" as "client:close", fail as () => void);
    this.#fetcher.on("error" as "client:close", fail as () => void);
    this.#member.on("consumer:heartbeat:stalled", ({ lastError }) => {
      fail(lastError ?? new Error("the group's coordinator does not answer"));
    });
    this.#member.on("consumer:group:join", ({ memberId, generationId = 0, assignments = [] }) => {
      const assigned = assignments.find((one) => one.topic === topic)?.partitions ?? [];
      this.#turn = this.#turn.then(async () => {
        await this.#generation?.end();
        observer.succeeded();
        this.#generation = new Generation({
          consumer: this.#options,
          times: this.#times,
          fetcher: this.#fetcher,
          member: this.#member,
          ...{ memberId, generationId, partitions: assigned },
          onFailure: fail,
        });
        await this.#generation.start().catch(fail);
      });
    });
  }

  async #beforeJoin(): Promise<Buffer> {
    if (this.#generation !== undefined) this.#options.observer.rebalancing();
    await this.#endGeneration();
    return Buffer.alloc(0);
  }

  async #endGeneration(): Promise<void> {
    this.#turn = this.#turn.then(async () => {
      await this.#generation?.end();
      this.#generation = undefined;
    });
    await this.#turn;
  }
}
