/** Messages of a topic as a consumer group reads them; `adapters/kafka/` implements it. */

/** A header's name and value, as bytes: Kafka does not say what they are. */
export type MessageHeader = readonly [name: Buffer, value: Buffer | null];

export interface Message {
  readonly topic: string;
  /** UUID of the topic: another topic of the same name has another one. */
  readonly topicId: string;
  readonly partition: number;
  readonly offset: bigint;
  /** Milliseconds since 1970, set by the producer or the broker. */
  readonly timestamp: number;
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  readonly headers: readonly MessageHeader[];
}

/**
 * Processes messages of one partition, in order of their offsets. Resolves when all effects are durable: then their
 * offsets may be committed. When the signal aborts, the partition is lost or the process ends: finish what is in
 * flight and reject; another process gets the messages again.
 */
export type HandleMessages = (messages: readonly Message[], signal: AbortSignal) => Promise<void>;

/** Produces messages; resolves when every in-sync replica has them. Rejects with core's `BrokerError`. */
export interface MessageSink {
  send(messages: readonly OutgoingMessage[]): Promise<void>;
}

export interface OutgoingMessage {
  readonly topic: string;
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  readonly headers: readonly MessageHeader[];
}
