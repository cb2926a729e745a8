/** One simulated visit to the shop, planned completely: what the visitor does and when. */
import type { WeirEvent } from "@weir/protocol";
import { uuidV7 } from "@weir/sdk";
import type { CatalogueProduct } from "./catalogue.ts";
import { type DemoEvent, type DemoSource, dayMs } from "./demo-event.ts";
import { type EvenDraws, evenDraws } from "./even-draws.ts";
import { logNormal, pick, type Random, randomBytes, randomHex, seededRandom } from "./random.ts";
import {
  campaignReferrers,
  devices,
  homeMarket,
  type Market,
  marketOf,
  priceIn,
  referrers,
  type Shop,
  stores,
} from "./shop.ts";
import { campaignOf, growthAt } from "./shop-rhythm.ts";

export interface VisitOptions {
  readonly shop: Shop;
  /** Number of the visit; with the seed it decides everything but the time. */
  readonly index: number;
  readonly seed: number;
  readonly start: number;
  /** When another visit begins, and the number of visits before an instant. */
  readonly startOf: (index: number) => number;
  readonly indexAt: (at: number) => number;
  /** When the demo started: growth and campaign count from it. */
  readonly anchor: number;
  /** 1: realistic pace; 0.1: ten times as fast, so that high rates need fewer concurrent visits. */
  readonly pace: number;
}

/** Shares of the visits, one after the other; the rest only looks around. */
const shares = { buys: 0.11, leavesCheckout: 0.03, fillsCart: 0.06 };
const campaignBuys = 0.13;
/** Many buy small things by the dozen. */
const usualLine = 8;
/** Below it people look for something else, for the postage. */
const smallOrder = 11;
const mostViews = 9;
/** Of all visits: one of twenty orders comes back. */
const sendsBack = 0.005;
const campaign = "weekend-sale";

/** The events of the visit, ordered by time. */
export function planVisit(options: VisitOptions): DemoEvent[] {
  const draws = evenDraws(options.index);
  const source = sourceOf(draws, options.start);
  const visit = new Visit(source, options, draws);
  if (draws[0] > 1 - sendsBack) visit.sendBack();
  else if (source === "shop-pos") visit.buyAtTheTill();
  else visit.browse();
  return visit.events;
}

/** In the day some of the orders are made at the till; their share grows and shrinks with the hours. */
function sourceOf([outcome, , , draw]: EvenDraws, at: number): DemoSource {
  const turn = (2 * Math.PI * ((at % dayMs) / dayMs - 13.5 / 24)) as number;
  const open = ((1 + Math.cos(turn)) / 2) ** 2;
  if (outcome < 0.3 * shares.buys * open) return "shop-pos";
  return draw < 0.34 ? "shop-ios" : "shop-web";
}

/** Where a visitor comes from is spread evenly within each outcome, so that each currency has its orders. */
function marketDraw(outcome: number): number {
  if (outcome < shares.buys) return outcome / shares.buys;
  return (outcome - shares.buys) / (1 - shares.buys);
}

function lineOf(product: CatalogueProduct): Line {
  return { product, quantity: Math.max(1, Math.round(usualLine / product.price)) };
}

interface Line {
  readonly product: CatalogueProduct;
  readonly quantity: number;
}

class Visit {
  readonly events: DemoEvent[] = [];
  readonly #source: DemoSource;
  readonly #options: VisitOptions;
  readonly #draws: EvenDraws;
  readonly #random: Random;
  readonly #market: Market;
  readonly #inCampaign: boolean;
  readonly #session: string;
  readonly #context: Readonly<Record<string, unknown>>;
  #who: Pick<WeirEvent, "user_id" | "anonymous_id">;
  #at: number;

  constructor(source: DemoSource, options: VisitOptions, draws: EvenDraws) {
    const { index, seed, start, anchor } = options;
    const random = seededRandom(Math.imul(seed, 0x9e3779b1) + index);
    this.#source = source;
    this.#options = options;
    this.#draws = draws;
    this.#random = random;
    this.#at = start;
    [, this.#inCampaign] = campaignOf(start, anchor);
    this.#session = randomHex(random, 8);
    const atTheTill = source === "shop-pos";
    this.#market = atTheTill ? homeMarket : marketOf(marketDraw(draws[0]));
    // without a loyalty card at the till, or not signed in on the web
    const anonymous = random() < (atTheTill ? 0.7 : 0.4);
    this.#who = anonymous ? { anonymous_id: `visitor-${randomHex(random, 6)}` } : this.#signedIn();
    this.#context = {
      device: devices[source](random),
      country: this.#market.country,
      ...(atTheTill ? { store: pick(random, stores) } : {}),
      ...(this.#inCampaign ? { campaign } : {}),
      simulated: true,
    };
  }

  browse(): void {
    const random = this.#random;
    const [outcome, , depth] = this.#draws;
    const referrer = (this.#inCampaign ? campaignReferrers : referrers)(random);
    this.#add("page.view", { properties: { path: "/", referrer } });
    const buys = this.#inCampaign ? campaignBuys : shares.buys;
    const reachesCheckout = outcome < buys + shares.leavesCheckout;
    const cart = this.#fillCart(outcome < buys + shares.leavesCheckout + shares.fillsCart);
    let looking = cart[0]?.product ?? this.#shop.popular(random);
    const views = Math.min(mostViews, Math.ceil(-Math.log(1 - depth) * 3.2));
    for (let n = 0; n < Math.max(views, cart.length); n++) {
      const line = cart[n];
      if (line !== undefined) looking = line.product;
      if (random() < 0.15) this.#search(looking);
      this.#think(9);
      this.#add("product.view", { product: this.#asProduct(looking) });
      if (line !== undefined) {
        this.#think(6);
        const product = { ...this.#asProduct(looking), quantity: line.quantity };
        this.#add("cart.add", { product });
      }
      looking = random() < 0.6 ? this.#shop.similar(random, looking) : this.#shop.popular(random);
    }
    if (reachesCheckout) this.#checkOut(cart, outcome < buys);
  }

  buyAtTheTill(): void {
    this.#think(20);
    this.#buy(this.#fillCart(true), {});
  }

  /** A customer returns a line of an order of some days ago, which the same numbers give again. */
  sendBack(): void {
    const order = this.#orderBefore(1 + Math.floor(this.#random() * 5));
    if (order === undefined) {
      this.browse();
      return;
    }
    const { user_id, anonymous_id, product, properties } = order.event;
    this.#who = {
      ...(user_id === undefined ? {} : { user_id }),
      ...(anonymous_id === undefined ? {} : { anonymous_id }),
    };
    this.#add("page.view", { properties: { path: "/account/orders", referrer: "direct" } });
    this.#think(90);
    const reason = pick(this.#random, ["damaged", "not as described", "changed my mind"]);
    const [first] = (properties?.["products"] ?? []) as NonNullable<WeirEvent["product"]>[];
    const returned = product ?? first;
    this.#add("refund", {
      ...(returned === undefined ? {} : { product: returned }),
      properties: { order_id: properties?.["order_id"], reason },
    });
  }

  /** The purchase of the first visit before `days` ago that bought something. */
  #orderBefore(days: number): DemoEvent | undefined {
    const { startOf, indexAt, start } = this.#options;
    let index = Math.floor(indexAt(start - days * dayMs));
    while (index >= 0 && evenDraws(index)[0] >= shares.buys) index--;
    if (index < 0) return undefined;
    const visit = planVisit({ ...this.#options, index, start: startOf(index) });
    return visit.find(({ event }) => event.event_type === "purchase");
  }

  #fillCart(isFilled: boolean): Line[] {
    if (!isFilled) return [];
    const random = this.#random;
    const first = this.#shop.bought(this.#draws[1]);
    const cart = [lineOf(first)];
    const sum = () => cart.reduce((total, line) => total + line.product.price * line.quantity, 0);
    while (sum() < smallOrder || (cart.length < 3 && random() < 0.1)) {
      cart.push(lineOf(this.#shop.similar(random, first)));
    }
    return cart;
  }

  #checkOut(cart: readonly Line[], buys: boolean): void {
    const random = this.#random;
    this.#think(20);
    // half of the anonymous visitors sign in to pay
    if (this.#who.user_id === undefined && random() < 0.5) {
      this.#who = { ...this.#who, ...this.#signedIn() };
      this.#add("user.signed_in", {});
    }
    this.#add("checkout.started", { properties: { lines: cart.length } });
    this.#think(25);
    if (!buys) return;
    const hasCoupon = random() < (this.#inCampaign ? 0.4 : 0.08);
    this.#buy(cart, hasCoupon ? { coupon: this.#inCampaign ? "WEEKEND15" : "WELCOME10" } : {});
  }

  /** One event for the order, whatever the number of its lines: its id identifies the purchase. */
  #buy(cart: readonly Line[], coupon: { readonly coupon?: string }): void {
    const order_id = `ORD-${randomHex(this.#random, 6).toUpperCase()}`;
    const products = cart.map(({ product, quantity }) => ({
      ...this.#asProduct(product),
      quantity,
    }));
    const sum = products.reduce((total, { price, quantity }) => total + price * quantity, 0);
    const paid = coupon.coupon === undefined ? sum : sum * (this.#inCampaign ? 0.85 : 0.9);
    const properties = {
      order_id,
      revenue: paid.toFixed(2),
      currency: this.#market.currency,
      ...coupon,
    };
    const [only] = products;
    if (products.length === 1 && only !== undefined) {
      this.#add("purchase", { product: only, properties });
    } else this.#add("purchase", { properties: { ...properties, products } });
  }

  #search(looking: CatalogueProduct): void {
    this.#think(5);
    const words = looking.name.toLowerCase().split(" ");
    const query = words.slice(0, 2).join(" ");
    this.#add("search", { properties: { query, results: Math.floor(this.#random() * 40) } });
  }

  #signedIn(): { readonly user_id: string } {
    const { start, anchor } = this.#options;
    const number = this.#shop.customer(this.#random, growthAt(start, anchor));
    return { user_id: `user-${String(number).padStart(4, "0")}` };
  }

  get #shop(): Shop {
    return this.#options.shop;
  }

  #think(medianSeconds: number): void {
    // shorter than the session gap, so that a visit stays one session
    const seconds = Math.min(logNormal(this.#random, medianSeconds, 0.8), 1_500);
    this.#at += Math.ceil(seconds * 1000 * this.#options.pace);
  }

  #asProduct(product: CatalogueProduct) {
    const { id, name, category } = product;
    const { currency } = this.#market;
    return { id, name, category, price: priceIn(this.#market, product), currency };
  }

  #add(event_type: string, parts: Pick<WeirEvent, "product" | "properties">): void {
    const at = Math.floor(this.#at);
    const event: WeirEvent = {
      event_id: uuidV7(at, randomBytes(this.#random, 16)),
      event_type,
      timestamp: new Date(at).toISOString(),
      ...this.#who,
      session_id: this.#session,
      ...(parts.product === undefined ? {} : { product: parts.product }),
      properties: { ...parts.properties, ...this.#context },
    };
    this.events.push({ at, source: this.#source, event });
  }
}
