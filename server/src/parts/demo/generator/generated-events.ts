/** The events that are sent: those of the shop, and among them bad ones, late ones and duplicates. */
import type { WeirEvent } from "@weir/protocol";
import { ShopEvents, type ShopEventsOptions } from "./shop-events.ts";

export const kinds = ["good", "late", "duplicate", "bad"] as const;
export type Kind = (typeof kinds)[number];

/** Parts of all events, from 0 to 1; together at most 1. */
export interface Shares {
  readonly bad: number;
  readonly late: number;
  readonly duplicate: number;
}

export interface GeneratedEvent {
  readonly kind: Kind;
  /** What is sent; of a bad one, not an event. */
  readonly event: WeirEvent;
  /** Cut off, where the way to the server carries bytes and not values. */
  readonly cut: boolean;
}

export type GeneratorOptions = ShopEventsOptions & { readonly shares: Shares };

const golden = 0.6180339887498949;
/** How far behind the original a duplicate can be. */
const repeatWithin = 5_000;
const minuteMs = 60_000;
/** A late event happened this long before its neighbours. */
const late = { leastMs: 10 * minuteMs, mostMs: 48 * 60 * minuteMs };

/** Ways in which an event can be wrong; each is rejected, by HTTP and by the topic. */
const faults: readonly ((event: WeirEvent) => Record<string, unknown>)[] = [
  ({ event_type: _, ...rest }) => rest,
  (event) => ({ ...event, timestamp: "yesterday" }),
  (event) => ({ ...event, user_id: 17 }),
  (event) => ({ ...event, colour: "red" }),
  (event) => ({ ...event, product: { id: "p-1", price: -1 } }),
  (event) => ({ ...event, event_type: "" }),
];

/** The same events for the same options, in any order of asking. */
export class GeneratedEvents {
  readonly #shop: ShopEvents;
  readonly #shares: Shares;
  readonly #offset: number;

  /** @throws RangeError when the shares are more than the whole */
  constructor({ shares, ...options }: GeneratorOptions) {
    if (shares.bad + shares.late + shares.duplicate > 1) {
      throw new RangeError("bad, late and duplicates are together more than all events");
    }
    this.#shop = new ShopEvents(options);
    this.#shares = shares;
    this.#offset = (Math.imul(options.seed, 0x9e3779b1) >>> 0) / 2 ** 32;
  }

  at(n: number): GeneratedEvent {
    const kind = this.kindOf(n);
    const random = this.#shop.randomAt(n);
    if (kind === "bad") {
      const fault = faults[Math.floor(random() * faults.length)] ?? faults[0];
      const event = fault?.(this.#shop.at(n)) as WeirEvent;
      return { kind, event, cut: event.event_type === undefined && random() < 0.5 };
    }
    if (kind === "duplicate") {
      return { kind, event: this.#valid(this.#originalOf(n)), cut: false };
    }
    return { kind, event: this.#valid(n), cut: false };
  }

  /** Spread evenly, so that of any thousand events the shares are met to within a few. */
  kindOf(n: number): Kind {
    const { bad, late: lateShare, duplicate } = this.#shares;
    const place = (this.#offset + n * golden) % 1;
    if (place < bad) return "bad";
    if (place < bad + lateShare) return "late";
    if (place >= bad + lateShare + duplicate) return "good";
    return this.#originalOf(n) < 0 ? "good" : "duplicate";
  }

  /** The number of a good or late event before `n`; -1 when there is none. */
  #originalOf(n: number): number {
    const { bad, late: lateShare, duplicate } = this.#shares;
    const reach = Math.min(n, repeatWithin);
    let original = n - 1 - Math.floor(this.#shop.randomAt(n)() * reach);
    const isOriginal = (place: number) =>
      place >= bad + lateShare + duplicate || (place >= bad && place < bad + lateShare);
    while (original >= 0 && !isOriginal((this.#offset + original * golden) % 1)) original--;
    return original;
  }

  #valid(n: number): WeirEvent {
    const event = this.#shop.at(n);
    const { bad, late: share } = this.#shares;
    const place = (this.#offset + n * golden) % 1;
    if (place < bad || place >= bad + share) return event;
    // the second number: the first decides what a duplicate repeats
    const random = this.#shop.randomAt(n);
    random();
    const by = Math.floor(late.leastMs + random() * (late.mostMs - late.leastMs));
    return {
      ...event,
      timestamp: new Date(Date.parse(String(event.timestamp)) - by).toISOString(),
    };
  }
}
