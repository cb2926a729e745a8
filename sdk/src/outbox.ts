import type { EventResult, Verdict } from "@weir/protocol";
import { encodeEvent } from "./encode-event.ts";
import { Journal } from "./journal.ts";
import { type Entry, EventQueue } from "./queue.ts";
import { type Callbacks, contract, type Settings } from "./settings.ts";
import { type ClientEvent, DroppedError, type DropReason, type EventStore } from "./types.ts";
import { Waiters } from "./waiters.ts";

/**
 * The events without a verdict yet, and the callers that wait for one. Each event leaves in exactly one
 * way: with a verdict, or dropped with a reason; both are reported to the callbacks.
 */
export class Outbox {
  readonly queue: EventQueue;
  readonly waiters = new Waiters();
  readonly verdicts: Record<Verdict, number> = {
    accepted: 0,
    duplicate: 0,
    conflict: 0,
    rejected: 0,
    retry: 0,
  };
  dropped = 0;

  readonly #whenFull: "drop_newest" | "drop_oldest";
  readonly #journal: Journal;
  readonly #callbacks: Callbacks;
  #order = 0;

  constructor(settings: Settings, callbacks: Callbacks, store: EventStore | undefined) {
    this.queue = new EventQueue(settings.queue);
    this.#whenFull = settings.queue.whenFull;
    this.#callbacks = callbacks;
    this.#journal = new Journal(store, callbacks.onStoreError);
  }

  /** Order of the newest event: a flush waits for all events up to it. */
  get newest(): number {
    return this.#order;
  }

  get hasRoom(): boolean {
    return this.queue.hasRoom(contract.eventBytes);
  }

  /** Queues or drops an event; returns its id, and whether it was queued. */
  add(
    event: ClientEvent,
    options: {
      readonly now: number;
      readonly accepting: boolean;
      readonly settle: Entry["settle"] | undefined;
    },
  ): { readonly event_id: string; readonly queued: boolean } {
    const { settle } = options;
    const encoded = encodeEvent(event, options.now);
    const { event_id, event_type } = encoded;
    const named = { event_id, event_type, ...(settle === undefined ? {} : { settle }) };
    const refuse = (reason: DropReason, detail: string) => {
      this.#drop(named, reason, detail);
      return { event_id, queued: false };
    };
    if (!options.accepting) return refuse("closed", "the client is closed");
    if ("problem" in encoded) return refuse("not_serialisable", encoded.problem);
    const { json, bytes } = encoded;
    if (bytes > contract.eventBytes) {
      return refuse(
        "too_large",
        `${bytes} bytes; an event may have at most ${contract.eventBytes}`,
      );
    }
    if (!this.#makeRoom(bytes)) return refuse("queue_full", "the queue is full");
    const entry: Entry = { ...named, json, bytes, order: ++this.#order, attempts: 0 };
    this.queue.add(entry);
    this.#journal.put(entry);
    return { event_id, queued: true };
  }

  /** Loads the events of an earlier run; returns their number. */
  async load(): Promise<number> {
    const entries = await this.#journal.load();
    this.queue.addBefore(entries);
    return entries.length;
  }

  /** Applies verdicts; returns the number of events to send again. */
  settle(batch: readonly Entry[], results: readonly EventResult[]): number {
    const answers = new Map(batch.map((entry, index) => [entry, results[index]]));
    const final = batch.filter((entry) => (answers.get(entry)?.verdict ?? "retry") !== "retry");
    for (const entry of this.#remove(final)) {
      const result = answers.get(entry);
      if (result === undefined) continue;
      this.verdicts[result.verdict]++;
      const named = { ...result, event_id: result.event_id ?? entry.event_id };
      this.#callbacks.onVerdict(named);
      entry.settle?.resolve(named);
    }
    this.#wake();
    return batch.length - final.length;
  }

  discard(entries: readonly Entry[], reason: DropReason, detail: string): void {
    for (const entry of this.#remove(entries)) this.#drop(entry, reason, detail);
    this.#wake();
  }

  /** Ends all waiting events. With a store they are not lost: the next run sends them. */
  abandon(reason: DropReason, detail: string): void {
    for (const entry of this.queue.clear()) {
      if (!this.#journal.keeps || entry.settle !== undefined) this.#drop(entry, reason, detail);
    }
    this.#wake();
  }

  /** Rejects the waiting callers, as nothing will be sent; the events stay. */
  fail(error: Error): void {
    for (const entry of this.queue.awaited()) entry.settle?.reject(error);
    this.waiters.fail(error);
  }

  #makeRoom(bytes: number): boolean {
    while (!this.queue.hasRoom(bytes)) {
      if (this.#whenFull === "drop_newest") return false;
      const oldest = this.queue.evict();
      if (oldest === undefined) return false;
      this.#journal.remove([oldest]);
      this.#drop(oldest, "queue_full", "the oldest event when the queue was full");
    }
    return true;
  }

  #remove(entries: readonly Entry[]): Entry[] {
    const removed = this.queue.remove(new Set(entries));
    this.#journal.remove(removed);
    return removed;
  }

  #drop(
    entry: Pick<Entry, "event_id" | "event_type" | "settle">,
    reason: DropReason,
    detail: string,
  ): void {
    this.dropped++;
    const { event_id, event_type } = entry;
    const drop = { event_id, event_type, reason, detail };
    this.#callbacks.onDrop(drop);
    entry.settle?.reject(new DroppedError(drop));
  }

  #wake(): void {
    this.waiters.wake({
      countUpTo: (order) => this.queue.countUpTo(order),
      room: this.hasRoom,
    });
  }
}
