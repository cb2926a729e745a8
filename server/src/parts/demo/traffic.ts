/** The simulated traffic of the shop as a pure generator: seed and times decide every event. */
import type { Catalogue } from "./catalogue.ts";
import { type DemoEvent, dayMs } from "./demo-event.ts";
import { DueEvents } from "./due-events.ts";
import { openShop, type Shop } from "./shop.ts";
import { trafficAt } from "./shop-rhythm.ts";
import { Timeline } from "./timeline.ts";
import { planVisit } from "./visit.ts";

export interface TrafficOptions {
  readonly catalogue: Catalogue;
  readonly seed: number;
  /** The demo's first start, in milliseconds: the history before it grows up to the rate after it. */
  readonly anchor: number;
  /** Events per second before `anchor`, averaged over its last day. */
  readonly historyRate: number;
  readonly historyDays: number;
  /** Events per second from `anchor` on, averaged over a day. */
  readonly rate: number;
}

/** Visits take minutes; one that began this long ago has ended. */
const longestVisitMs = 90 * 60 * 1000;
/** Above this rate visits become shorter, to limit the number of concurrent visits in memory. */
const naturalRate = 200;

export class Traffic {
  readonly #options: TrafficOptions;
  readonly #shop: Shop;
  readonly #timeline: Timeline;
  readonly #pace: number;
  readonly #perVisit: number;

  constructor(options: TrafficOptions) {
    const { catalogue, anchor, historyDays, historyRate, rate } = options;
    const shop = openShop(catalogue);
    const perVisit = eventsPerVisit(shop);
    this.#options = options;
    this.#shop = shop;
    this.#perVisit = perVisit;
    this.#pace = Math.min(1, naturalRate / Math.max(1, rate));
    this.#timeline = new Timeline({
      // whole days, so that the first day of the history is complete; and the anchor begins a minute, so
      // that the rate changes with it
      origin: Math.floor(anchor / dayMs - historyDays) * dayMs + (anchor % 60_000),
      visitsIn: (minute) =>
        ((minute < anchor ? historyRate : rate) * 60 * trafficAt(minute, anchor)) / perVisit,
    });
  }

  /** The first instant of the history. */
  get origin(): number {
    return this.#timeline.origin;
  }

  /** Number of events before the anchor, approximately. */
  get historyEvents(): number {
    return Math.round(this.#timeline.countUntil(this.#options.anchor) * this.#perVisit);
  }

  /** Events before the anchor of every `of`-th visit that begins in `[from, to)`, ordered by time. */
  historyOf(span: {
    readonly from: number;
    readonly to: number;
    readonly place: number;
    readonly of: number;
  }): DemoEvent[] {
    const { from, to, place, of } = span;
    const { anchor } = this.#options;
    const first = Math.ceil(this.#timeline.countUntil(from));
    const last = this.#timeline.countUntil(Math.min(to, anchor));
    const events: DemoEvent[] = [];
    for (let index = first; index < last; index++) {
      if (index % of !== place) continue;
      for (const event of this.#plan(index)) if (event.at < anchor) events.push(event);
    }
    return events.sort((a, b) => a.at - b.at);
  }

  /**
   * The events from `from` on, as the time comes: history and live traffic are one sequence.
   * @param warmUpMs visits that began longer ago have ended
   */
  startingAt(from: number, warmUpMs = longestVisitMs): LiveTraffic {
    const begun = Math.ceil(this.#timeline.countUntil(from - warmUpMs * this.#pace));
    return new LiveTraffic(from, begun, {
      startOf: (index) => this.#timeline.timeOf(index),
      plan: (index) => this.#plan(index),
    });
  }

  #plan(index: number): DemoEvent[] {
    const { seed, anchor } = this.#options;
    return planVisit({
      index,
      seed,
      anchor,
      shop: this.#shop,
      pace: this.#pace,
      start: this.#timeline.timeOf(index),
      startOf: (other) => this.#timeline.timeOf(other),
      indexAt: (at) => this.#timeline.countUntil(at),
    });
  }
}

interface Visits {
  readonly startOf: (index: number) => number;
  readonly plan: (index: number) => DemoEvent[];
}

/** The events of a traffic from an instant on, step by step. */
export class LiveTraffic {
  readonly #from: number;
  readonly #visits: Visits;
  readonly #due = new DueEvents();
  #next: number;
  #nextStart: number;

  constructor(from: number, next: number, visits: Visits) {
    this.#from = from;
    this.#visits = visits;
    this.#next = next;
    this.#nextStart = visits.startOf(next);
  }

  /** The events since the last call, up to `now`, ordered by time. */
  until(now: number): DemoEvent[] {
    while (this.#nextStart <= now) {
      for (const event of this.#visits.plan(this.#next)) {
        if (event.at >= this.#from) this.#due.add(event);
      }
      this.#next++;
      this.#nextStart = this.#visits.startOf(this.#next);
    }
    const events: DemoEvent[] = [];
    while (this.#due.soonest <= now) {
      const event = this.#due.take();
      if (event !== undefined) events.push(event);
    }
    return events;
  }
}

/** Mean number of events per visit, measured on separate visits, so that the given rate is met. */
function eventsPerVisit(shop: Shop): number {
  const visits = 2_000;
  const noon = 12 * 3_600_000;
  let events = 0;
  for (let index = 0; index < visits; index++) {
    const start = noon;
    const other = { startOf: () => start, indexAt: () => -1 };
    events += planVisit({ ...other, index, seed: 1, anchor: 0, shop, start, pace: 1 }).length;
  }
  return events / visits;
}
