/**
 * Where the feed continues after a crash of PostgreSQL: the newest place between two rounds that is settled, and
 * what was delivered after it. A place is settled when the write-ahead log is on disk up to where it was when the
 * place was read. Until then the place may show transactions as ended that a crash undoes.
 */
import type { LiveEvent } from "../../core/ports/live-log.ts";
import type { Position } from "../../core/position.ts";

export interface SettledPlace {
  readonly incarnation: string;
  readonly settled: bigint;
  readonly at: number;
  readonly from: Position;
}

/** More are not remembered: then a crash becomes a gap. */
const mostDelivered = 50_000;

export class Anchor {
  #place: SettledPlace | undefined;
  /** The place that follows as soon as it is settled. */
  #next: SettledPlace | undefined;
  #sincePlace = new Set<string>();
  #sinceNext = new Set<string>();

  get place(): SettledPlace | undefined {
    return this.#place;
  }

  /** Begins at a place that is settled. */
  drop(place: SettledPlace): void {
    this.clear();
    this.#place = place;
  }

  clear(): void {
    this.#place = undefined;
    this.#next = undefined;
    this.#sincePlace = new Set();
    this.#sinceNext = new Set();
  }

  /** After a read: how much of the write-ahead log is on disk. */
  settle(flushed: bigint): void {
    if (this.#next === undefined || this.#next.settled > flushed) return;
    this.#place = this.#next;
    this.#sincePlace = this.#sinceNext;
    this.#next = undefined;
    this.#sinceNext = new Set();
  }

  /** At the end of a round; `settled` of the place is the byte at which it will be. */
  follow(place: SettledPlace): void {
    if (this.#next !== undefined) return;
    this.#next = place;
    this.#sinceNext = new Set();
  }

  /** False for an event that was delivered before a crash, and is read again. */
  isNew(event: LiveEvent): boolean {
    const key = keyOf(event);
    return !this.#sincePlace.has(key) && !this.#sinceNext.has(key);
  }

  delivered(event: LiveEvent): void {
    const since = this.#next === undefined ? this.#sincePlace : this.#sinceNext;
    since.add(keyOf(event));
    if (this.#sincePlace.size + this.#sinceNext.size > mostDelivered) this.clear();
  }

  /** After a crash: the place is the next one to be read from, in the new incarnation. */
  goBack(incarnation: string): SettledPlace | undefined {
    if (this.#place === undefined) return undefined;
    for (const key of this.#sinceNext) this.#sincePlace.add(key);
    this.#next = undefined;
    this.#sinceNext = new Set();
    this.#place = { ...this.#place, incarnation };
    return this.#place;
  }
}

/** The row, not only the id: an event that a crash took back may have been sent again. */
function keyOf({ eventId, serviceId, receivedAt }: LiveEvent): string {
  return `${receivedAt} ${eventId} ${serviceId}`;
}
