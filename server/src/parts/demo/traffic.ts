/** Endless simulated traffic as a pure generator: randomness and time are passed in. */
import type { Catalogue } from "./catalogue.ts";
import { type DemoEvent, dayMs } from "./demo-event.ts";
import { exponential, type Random, seededRandom } from "./random.ts";
import { openShop, planVisit, type Shop } from "./visit.ts";

export interface TrafficOptions {
  readonly catalogue: Catalogue;
  readonly random: Random;
  /** Start of the traffic, in milliseconds; it has its full rate from the first event. */
  readonly start: number;
  /** Events per second, averaged over a day; called at least once per second. 0: no new visits. */
  readonly rate: () => number;
}

/** Visits take minutes, so the simulation begins this long before `start`. */
const warmUpMs = 20 * 60 * 1000;
/** Above this rate visits become shorter, to limit the number of concurrent visits in memory. */
const naturalRate = 200;
const longestStepMs = 1_000;

/** The traffic of a shop, generated step by step. */
export class Traffic {
  readonly #options: TrafficOptions;
  readonly #shop: Shop;
  readonly #perVisit: number;
  readonly #due = new DueEvents();
  #nextVisit: number;

  constructor(options: TrafficOptions) {
    this.#options = options;
    this.#shop = openShop(options.catalogue);
    this.#perVisit = eventsPerVisit(options.catalogue);
    this.#nextVisit = options.start - warmUpMs * this.#pace();
  }

  /** The events since the last call, up to `now`, ordered by time. */
  until(now: number): DemoEvent[] {
    while (this.#nextVisit <= now) this.#advance();
    const events: DemoEvent[] = [];
    while (this.#due.soonest <= now) {
      const event = this.#due.take();
      if (event !== undefined) events.push(event);
    }
    return events;
  }

  #advance(): void {
    const { random, rate, start } = this.#options;
    const visitsPerMs = (rate() * dayRhythm(this.#nextVisit)) / this.#perVisit / 1000;
    const wait = visitsPerMs > 0 ? exponential(random, 1 / visitsPerMs) : Number.POSITIVE_INFINITY;
    // exponential waits are memoryless: drawing again after a second does not change the distribution
    this.#nextVisit += Math.min(wait, longestStepMs);
    if (wait > longestStepMs) return;
    const visit = { random, shop: this.#shop, start: this.#nextVisit, pace: this.#pace() };
    for (const event of planVisit(visit)) if (event.at >= start) this.#due.add(event);
  }

  #pace(): number {
    return Math.min(1, naturalRate / Math.max(1, this.#options.rate()));
  }
}

/**
 * Relative traffic at a time of day (UTC), with mean 1: low before dawn, a peak at noon and a higher one
 * in the evening.
 */
export function dayRhythm(at: number): number {
  const hour = ((at % dayMs) / dayMs) * 24;
  const swell = (peak: number, width: number) => {
    const apart = Math.min(Math.abs(hour - peak), 24 - Math.abs(hour - peak));
    return Math.exp(-((apart / width) ** 2));
  };
  return (0.35 + 0.9 * swell(12.5, 3.5) + 1.1 * swell(19.5, 3)) / rhythmMean;
}

/** Mean of the sum above over a day. */
const rhythmMean = 0.8263;

/** Mean number of events per visit, measured on separate visits, so that the given rate is met. */
function eventsPerVisit(catalogue: Catalogue): number {
  const random = seededRandom(1);
  const shop = openShop(catalogue);
  const visits = 2_000;
  let events = 0;
  for (let n = 0; n < visits; n++) {
    events += planVisit({ random, shop, start: 0, pace: 1 }).length;
  }
  return events / visits;
}

/** Events of the current visits, earliest first (a binary heap). */
class DueEvents {
  readonly #heap: DemoEvent[] = [];

  get soonest(): number {
    return this.#heap[0]?.at ?? Number.POSITIVE_INFINITY;
  }

  add(event: DemoEvent): void {
    const heap = this.#heap;
    let place = heap.length;
    while (place > 0) {
      const parent = (place - 1) >> 1;
      const above = heap[parent];
      if (above === undefined || above.at <= event.at) break;
      heap[place] = above;
      place = parent;
    }
    heap[place] = event;
  }

  take(): DemoEvent | undefined {
    const heap = this.#heap;
    const [first] = heap;
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return first;
    let place = 0;
    for (;;) {
      let child = 2 * place + 1;
      const right = heap[child + 1];
      if (right !== undefined && right.at < (heap[child]?.at ?? 0)) child++;
      const below = heap[child];
      if (below === undefined || below.at >= last.at) break;
      heap[place] = below;
      place = child;
    }
    heap[place] = last;
    return first;
  }
}
