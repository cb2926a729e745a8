/**
 * An idempotent producer, `acks=all`. Within one send the library repeats a request with the same sequence numbers, so
 * the broker stores it once. A send that fails ends its client: nothing of it can arrive later, and the next send begins
 * with a new client, whose state at the broker is new.
 */
import { type CompressionAlgorithmValue, Producer } from "@platformatic/kafka";
import { BrokerError, type BrokerErrorCode } from "../../core/ports/broker.ts";
import type { Guard } from "../../core/ports/guard.ts";
import { clientOptions, type KafkaConnection } from "./connection.ts";
import { asBrokerError } from "./errors.ts";
import type { KafkaWatch } from "./metrics.ts";

export interface OutgoingMessage {
  readonly topic: string;
  /** Null: without a key; any partition. */
  readonly key: Buffer | null;
  /** Null deletes the key in a compacted topic. */
  readonly value: Buffer | null;
  readonly headers?: ReadonlyMap<Buffer, Buffer>;
}

export interface Acknowledgement {
  readonly topic: string;
  readonly partition: number;
  /** Of the first of the messages that were sent to the partition. */
  readonly offset: bigint;
}

export interface KafkaProducerOptions extends KafkaConnection {
  readonly compression: CompressionAlgorithmValue;
  /** Time limit of a send with the library's repetitions, and the breaker. */
  readonly guard: Guard;
  readonly watch?: Pick<KafkaWatch, "failed" | "succeeded" | "sent">;
}

export interface KafkaProducer {
  /**
   * Resolves when all replicas in sync have the messages; messages of one partition are stored in the given order. Sends
   * that run at the same time are independent of each other: a caller that needs an order waits for the first.
   *
   * Rejects with `BrokerError`, or with the guard's errors; then some of the messages may have been stored.
   */
  send(
    messages: readonly OutgoingMessage[],
    signal?: AbortSignal,
  ): Promise<readonly Acknowledgement[]>;
  close(): Promise<void>;
}

/** These do not pass by trying again, but the library takes them for network errors. */
const hopeless: ReadonlySet<BrokerErrorCode> = new Set([
  "authentication",
  "tls",
  "authorization",
  "too_large",
]);
/** A new topic appears in the metadata of all brokers a moment after it was created; the library would ask forever. */
const unknownTopicAttempts = 5;

function isHopeless({ code }: BrokerError, attempt: number): boolean {
  return hopeless.has(code) || (code === "unknown_topic" && attempt >= unknownTopicAttempts);
}

/** Connects at the first send. */
export function createKafkaProducer(options: KafkaProducerOptions): KafkaProducer {
  let client: Producer<Buffer, Buffer, Buffer, Buffer> | undefined;
  let closed = false;

  const open = () => {
    if (closed) throw new BrokerError("the producer is closed", { code: "closed" });
    client ??= openClient(options);
    return client;
  };
  const discard = async (failed: Producer<Buffer, Buffer, Buffer, Buffer>) => {
    if (client === failed) client = undefined;
    // closing alone waits until everything is written, which a frozen broker never reads
    for (const [, connection] of failed.connections) connection.socket?.destroy();
    await failed.close(true).catch(() => {});
  };

  async function sendOnce(
    messages: readonly OutgoingMessage[],
    signal: AbortSignal,
  ): Promise<readonly Acknowledgement[]> {
    const used = open();
    const cancel = () => void discard(used);
    signal.addEventListener("abort", cancel, { once: true });
    const began = performance.now();
    try {
      const { offsets = [] } = await used.send({
        messages: messages.map(toMessage),
        idempotent: true,
        compression: options.compression,
      });
      options.watch?.succeeded();
      options.watch?.sent({
        messages: messages.length,
        bytes: sizeOf(messages),
        seconds: (performance.now() - began) / 1_000,
      });
      return offsets;
    } catch (error) {
      const failure = asBrokerError(error);
      if (!closed) options.watch?.failed(failure);
      await discard(used);
      throw failure;
    } finally {
      signal.removeEventListener("abort", cancel);
    }
  }

  return {
    async send(messages, signal) {
      if (messages.length === 0) return [];
      return options.guard.execute((limit) => sendOnce(messages, limit), signal);
    },
    async close() {
      closed = true;
      if (client !== undefined) await discard(client);
    },
  };
}

function openClient(options: KafkaProducerOptions): Producer<Buffer, Buffer, Buffer, Buffer> {
  const base = clientOptions(options);
  const client: Producer<Buffer, Buffer, Buffer, Buffer> = new Producer({
    ...base,
    idempotent: true,
    retries: Number.MAX_SAFE_INTEGER,
    retryDelay: (...call) => {
      const error = asBrokerError(call[4]);
      options.watch?.failed(error);
      // after this turn the library listens for the end of its client
      if (isHopeless(error, call[2])) queueMicrotask(() => void client.close(true).catch(() => {}));
      return base.retryDelay(...call);
    },
  });
  return client;
}

/** Bytes of a message before compression, without the framing of the protocol. */
function messageBytes({ key, value, headers }: OutgoingMessage): number {
  let bytes = (key?.length ?? 0) + (value?.length ?? 0);
  for (const [name, text] of headers ?? []) bytes += name.length + text.length;
  return bytes;
}

function sizeOf(messages: readonly OutgoingMessage[]): number {
  return messages.reduce((sum, message) => sum + messageBytes(message), 0);
}

function toMessage({ topic, key, value, headers }: OutgoingMessage) {
  return {
    topic,
    ...(key === null ? {} : { key }),
    ...(value === null ? {} : { value }),
    ...(headers === undefined ? {} : { headers: headers as Map<Buffer, Buffer> }),
  };
}
