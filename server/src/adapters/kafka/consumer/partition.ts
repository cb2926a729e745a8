/** One assigned partition: what was fetched, what is being handled, and up to where all is done. */
import type { HandleMessages, Message } from "../../../core/ports/messages.ts";
import { createBackoff } from "../../../timing/backoff.ts";
import { pause } from "../../../timing/pause.ts";
import { createWake } from "../../../timing/wake.ts";
import { type Fetched, messageBytes } from "./records.ts";

export interface PartitionOptions {
  readonly partition: number;
  /** The first offset to fetch. */
  readonly from: bigint;
  readonly batch: { readonly messages: number; readonly bytes: number };
  readonly handle: HandleMessages;
  /** Called when messages are done: there is room for others, and an offset to commit. */
  readonly onDone: (bytes: number) => void;
  readonly onStuck: (partition: number, error: unknown) => void;
}

const idleMs = 60_000;

export class Partition {
  readonly number: number;
  /** The next offset to fetch. */
  position: bigint;
  /** Everything before it is durable. */
  done: bigint;
  /** As of the last answer of the broker; undefined before the first. */
  highWatermark: bigint | undefined;
  queuedBytes = 0;
  readonly #options: PartitionOptions;
  readonly #wake = createWake();
  #queue: Message[] = [];

  constructor(options: PartitionOptions) {
    this.#options = options;
    this.number = options.partition;
    this.position = options.from;
    this.done = options.from;
  }

  /** Enough is queued for the next batch. */
  get isFull(): boolean {
    const { batch } = this.#options;
    return this.#queue.length >= batch.messages || this.queuedBytes >= batch.bytes;
  }

  /** Messages that exist and are not done. */
  get lag(): bigint {
    const behind = (this.highWatermark ?? this.done) - this.done;
    return behind > 0n ? behind : 0n;
  }

  add({ messages, next, bytes }: Fetched): void {
    this.position = next;
    this.#queue = this.#queue.concat(messages);
    this.queuedBytes += bytes;
    this.#wake.wake();
  }

  /** Handles one batch after the other until the signal aborts; then the batch in flight ends first. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const batch = this.#take();
      if (batch.length === 0) {
        // what follows the last message is no message
        this.done = this.position;
        this.#options.onDone(0);
        await this.#wake.wait(idleMs, signal);
        continue;
      }
      const isDone = await this.#handle(batch, signal);
      if (!isDone) return;
      this.done = (batch.at(-1) as Message).offset + 1n;
      this.#options.onDone(sizeOf(batch));
    }
  }

  /** False when the partition was lost first. */
  async #handle(batch: readonly Message[], signal: AbortSignal): Promise<boolean> {
    const backoff = createBackoff({ firstMs: 1_000, lastMs: 10_000 });
    for (;;) {
      try {
        await this.#options.handle(batch, signal);
        return true;
      } catch (error) {
        if (signal.aborted) return false;
        this.#options.onStuck(this.number, error);
        await pause(backoff.next(), signal);
      }
    }
  }

  #take(): readonly Message[] {
    const { batch } = this.#options;
    let bytes = 0;
    let count = 0;
    for (const message of this.#queue) {
      const size = messageBytes(message);
      if (count > 0 && (count >= batch.messages || bytes + size > batch.bytes)) break;
      bytes += size;
      count++;
    }
    const rest = this.#queue;
    this.#queue = rest.splice(count);
    this.queuedBytes -= bytes;
    return rest;
  }
}

function sizeOf(messages: readonly Message[]): number {
  return messages.reduce((sum, message) => sum + messageBytes(message), 0);
}
