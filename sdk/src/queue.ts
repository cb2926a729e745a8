import type { EventResult } from "@weir/protocol";

export interface Entry {
  readonly event_id: string;
  readonly event_type: string;
  /** The event as it is sent: encoded once, so that every attempt sends the same bytes. */
  readonly json: string;
  readonly bytes: number;
  /** Number in the order of arrival; a flush waits for all events up to one. */
  readonly order: number;
  attempts: number;
  readonly settle?: { resolve(result: EventResult): void; reject(error: Error): void };
}

export interface QueueLimits {
  readonly events: number;
  readonly bytes: number;
}

/**
 * Events in order of arrival. The first `held` of them are in the running request; they stay in the
 * queue until they have a verdict, so that none is lost when a request fails.
 */
export class EventQueue {
  readonly #limits: QueueLimits;
  #entries: Entry[] = [];
  #bytes = 0;
  #held = 0;
  #heldBytes = 0;

  constructor(limits: QueueLimits) {
    this.#limits = limits;
  }

  get length(): number {
    return this.#entries.length;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Number of events up to `order` that are still queued. */
  countUpTo(order: number): number {
    return this.#entries.reduce((count, entry) => count + (entry.order <= order ? 1 : 0), 0);
  }

  /** Events whose verdict a caller awaits. */
  awaited(): Entry[] {
    return this.#entries.filter((entry) => entry.settle !== undefined);
  }

  hasRoom(bytes: number): boolean {
    return this.length < this.#limits.events && this.#bytes + bytes <= this.#limits.bytes;
  }

  add(entry: Entry): void {
    this.#entries.push(entry);
    this.#bytes += entry.bytes;
  }

  /** Puts events of an earlier run before all that are not in a request. */
  addBefore(entries: readonly Entry[]): void {
    this.#entries.splice(this.#held, 0, ...entries);
    for (const entry of entries) this.#bytes += entry.bytes;
  }

  /** Removes the oldest event that is not in a request. */
  evict(): Entry | undefined {
    const [entry] = this.#entries.splice(this.#held, 1);
    if (entry !== undefined) this.#bytes -= entry.bytes;
    return entry;
  }

  /** Whether the events that are not in a request reach one of the limits. */
  fills(events: number, bytes: number): boolean {
    return this.length - this.#held >= events || this.#bytes - this.#heldBytes >= bytes;
  }

  /** The first events within the limits, at least one if there is one; they are now held. */
  hold(events: number, bytes: number): Entry[] {
    const batch = this.peek(events, bytes);
    this.#held = batch.length;
    this.#heldBytes = batch.reduce((sum, entry) => sum + entry.bytes, 0);
    return batch;
  }

  /** Like `hold`, without holding them. */
  peek(events: number, bytes: number): Entry[] {
    const batch: Entry[] = [];
    let size = 2;
    for (const entry of this.#entries) {
      size += entry.bytes + 1;
      if (batch.length > 0 && (batch.length >= events || size > bytes)) break;
      batch.push(entry);
    }
    return batch;
  }

  release(): void {
    this.#held = 0;
    this.#heldBytes = 0;
  }

  /** Removes those of `settled` that are still queued, and returns them. */
  remove(settled: ReadonlySet<Entry>): Entry[] {
    const removed: Entry[] = [];
    const kept: Entry[] = [];
    let held = 0;
    let heldBytes = 0;
    for (const [index, entry] of this.#entries.entries()) {
      if (settled.has(entry)) {
        removed.push(entry);
        this.#bytes -= entry.bytes;
      } else {
        kept.push(entry);
        if (index < this.#held) {
          held++;
          heldBytes += entry.bytes;
        }
      }
    }
    this.#entries = kept;
    this.#held = held;
    this.#heldBytes = heldBytes;
    return removed;
  }

  /** Removes everything. */
  clear(): Entry[] {
    return this.remove(new Set(this.#entries));
  }
}
