/**
 * User behaviour events of an e-commerce shop, as the source documents describe them. Every event is a function
 * of the seed, the start and its number: nothing is kept, so memory does not grow with their count.
 */
import type { Product, WeirEvent } from "@weir/protocol";
import { uuidV7 } from "@weir/sdk";
import { pick, type Random, randomBytes, seededRandom } from "../random.ts";
import { stockAssortment } from "./assortment.ts";

export interface ShopEventsOptions {
  readonly seed: number;
  /** Timestamp of the first event, in milliseconds since 1970. */
  readonly start: number;
  /** Events per simulated second. */
  readonly density: number;
}

/** Visits that are in the shop at the same time: neighbouring events are of different users. */
const visitors = 211;
const stepsPerVisit = 6;
const users = 20_000;

/** Drawn in turn for the last steps of a visit that buys. */
const afterwards = ["product_review", "wishlist_add", "view", "view", "view"] as const;

export class ShopEvents {
  readonly #options: ShopEventsOptions;
  readonly #products: readonly [Product, ...Product[]];

  constructor(options: ShopEventsOptions) {
    this.#options = options;
    this.#products = stockAssortment(options.seed);
  }

  /** The event with the number `n`, from 0. */
  at(n: number): WeirEvent {
    const visitor = n % visitors;
    // not all visitors are at the same step
    const step = Math.floor(n / visitors) + (visitor % stepsPerVisit);
    const visit = Math.floor(step / stepsPerVisit) * visitors + visitor;
    return this.#event(n, visit, step % stepsPerVisit);
  }

  /** Numbers for what is not part of the visit itself, such as how late an event is. */
  randomAt(n: number): Random {
    return this.#random(n, 0x27d4eb2f);
  }

  #event(n: number, visit: number, step: number): WeirEvent {
    const { start, density } = this.#options;
    const at = start + Math.floor((n * 1000) / density);
    const ofVisit = this.#random(visit, 0x165667b1);
    const user = Math.floor(ofVisit() ** 2 * users);
    const wanted = this.#product(ofVisit);
    const buys = ofVisit() < 0.18;
    const order = Math.floor(ofVisit() * 1e9);
    const random = this.#random(n, 0x2545f491);
    const bytes = randomBytes(random, 16);
    // two events of one millisecond must not meet in the 32 bits of their random numbers
    for (let place = 15, left = n; place > 9; place--, left = Math.floor(left / 256)) {
      bytes[place] = (bytes[place - 6] ?? 0) ^ (left % 256);
    }
    return {
      event_id: uuidV7(at, bytes),
      timestamp: new Date(at).toISOString(),
      user_id: `user${user}`,
      session_id: `session${visit}`,
      ...this.#action({ step, buys, wanted, order, random }),
    };
  }

  #action(about: {
    readonly step: number;
    readonly buys: boolean;
    readonly wanted: Product;
    readonly order: number;
    readonly random: Random;
  }): Pick<WeirEvent, "event_type" | "product" | "properties"> {
    const { step, buys, wanted, order, random } = about;
    const view = () => ({ event_type: "view", product: this.#product(random) });
    switch (step) {
      case 0: {
        const query = String(wanted.name).toLowerCase();
        const results = Math.floor(random() * 40);
        return { event_type: "search", properties: { query, results } };
      }
      case 1:
        return { event_type: "view", product: wanted };
      case 3:
        if (!buys && random() > 0.25) return view();
        return { event_type: "add_to_cart", product: { ...wanted, quantity: 1 } };
      case 4: {
        if (!buys) return view();
        const order_id = `ORD-${order}`;
        return {
          event_type: "purchase",
          product: { ...wanted, quantity: 1 },
          properties: { order_id },
        };
      }
      case 5: {
        const event_type = buys ? pick(random, afterwards) : "view";
        return { event_type, product: buys ? wanted : this.#product(random) };
      }
      default:
        return view();
    }
  }

  /** A few products are asked for often, most rarely. */
  #product(random: Random): Product {
    const place = Math.floor(random() ** 3 * this.#products.length);
    return this.#products[place] ?? this.#products[0];
  }

  #random(n: number, purpose: number): Random {
    const seed = Math.imul(this.#options.seed ^ purpose, 0x9e3779b1);
    return seededRandom(seed ^ Math.imul(n ^ (n / 2 ** 32), 0x85ebca6b) ^ n);
  }
}
