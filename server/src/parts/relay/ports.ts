/** What the relay needs of a topic; `compose/relay.ts` provides it. Failures are `BrokerError`s or those of a guard. */

export interface RelayMessage {
  readonly key: Buffer;
  readonly value: Buffer;
  readonly headers: ReadonlyMap<Buffer, Buffer>;
}

export interface RelayAcknowledgement {
  readonly partition: number;
  /** Of the first message that was stored in the partition. */
  readonly offset: bigint;
}

export interface TopicEnds {
  /** Changes when the topic is deleted and created again. */
  readonly topicId: string;
  /** By partition, the offset that its next message gets. */
  readonly end: ReadonlyMap<number, bigint>;
}

export interface RelayTopic {
  readonly name: string;
  /** Creates or verifies the topic; resolves with differences from the configuration, in words. */
  prepare(): Promise<readonly string[]>;
  ends(): Promise<TopicEnds>;
  /**
   * Stores the messages durably, those of one partition in the given order. After a rejection some may have been
   * stored.
   */
  send(
    messages: readonly RelayMessage[],
    signal: AbortSignal,
  ): Promise<readonly RelayAcknowledgement[]>;
}
