import type { HandleMessages } from "../../../core/ports/messages.ts";
import type { KafkaConnection } from "../connection.ts";

/** What a consumer reports. It must not throw. */
export interface ConsumerObserver {
  /** The group has assigned these partitions; called again after each rebalance. */
  assigned(partitions: readonly number[]): void;
  /** The group rebalances: partitions may move to another member. */
  rebalancing(): void;
  /** Offsets of this many partitions were committed. */
  committed(partitions: number): void;
  /** A commit was refused because this member is no longer in the group; other members read the messages again. */
  fenced(): void;
  /** The broker no longer has the next offset of a partition; reading continues at another one. */
  reset(about: { readonly partition: number; readonly from: bigint; readonly to: bigint }): void;
  /** Bytes of messages that were read and are not processed yet. */
  inFlight(bytes: number): void;
  /** Messages of a partition cannot be processed: a defect. They are tried again. */
  stuck(partition: number, error: unknown): void;
  /** The brokers or the group cannot be used; it is tried again. */
  failed(error: unknown): void;
  /** The brokers answer. */
  succeeded(): void;
}

export interface GroupConsumerOptions {
  readonly connection: KafkaConnection;
  readonly topic: string;
  readonly group: string;
  /** Where a group without committed offsets begins. */
  readonly startFrom: "earliest" | "latest";
  /** Most bytes of messages in memory, apart from one fetch that is larger. */
  readonly maxBytes: number;
  /** Most messages, and bytes, that are handled at once; at least one message. */
  readonly batch: { readonly messages: number; readonly bytes: number };
  readonly handle: HandleMessages;
  readonly observer: ConsumerObserver;
  readonly times?: Partial<ConsumerTimes>;
}

/** In milliseconds. */
export interface ConsumerTimes {
  /** A member that sends no sign of life is removed from the group after it. */
  readonly sessionMs: number;
  /** Maximum for a member to join again when the group rebalances. */
  readonly rebalanceMs: number;
  /** Maximum for messages in flight to be stored before partitions are released. */
  readonly drainMs: number;
  readonly heartbeatMs: number;
  /** Minimum between two commits of offsets. */
  readonly commitMs: number;
}

export const consumerTimes: ConsumerTimes = {
  sessionMs: 10_000,
  rebalanceMs: 30_000,
  drainMs: 5_000,
  heartbeatMs: 1_000,
  commitMs: 200,
};
