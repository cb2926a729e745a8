/** One simulated visit to the shop, planned completely: what the visitor does and when. */
import type { WeirEvent } from "@weir/protocol";
import { uuidV7 } from "@weir/sdk";
import type { Catalogue, CatalogueProduct } from "./catalogue.ts";
import type { DemoEvent, DemoSource } from "./demo-event.ts";
import {
  exponential,
  logNormal,
  pick,
  type Random,
  randomBytes,
  randomHex,
  weighted,
  zipf,
} from "./random.ts";

export interface Shop {
  readonly popular: (random: Random) => CatalogueProduct;
  readonly similar: (random: Random, product: CatalogueProduct) => CatalogueProduct;
  readonly user: (random: Random) => number;
}

const knownUsers = 5_000;
const sources = weighted({ "shop-web": 60, "shop-ios": 30, "shop-pos": 10 });
const countries = weighted({
  "United Kingdom": 60,
  Germany: 12,
  France: 10,
  Ireland: 6,
  Spain: 5,
  Netherlands: 4,
  Türkiye: 3,
});
const devices = {
  "shop-web": weighted({ desktop: 6, mobile: 5, tablet: 1 }),
  "shop-ios": weighted({ phone: 8, tablet: 1 }),
  "shop-pos": weighted({ till: 1 }),
};
const referrers = weighted({ direct: 4, search: 5, newsletter: 2, social: 3 });
const stores = ["London", "Leeds", "Bristol"] as const;

/** Products and visitors follow Zipf's law: a few are frequent, most are rare. */
export function openShop(catalogue: Catalogue): Shop {
  const rank = zipf(catalogue.length, 1);
  const userRank = zipf(knownUsers, 0.6);
  const shelves = Map.groupBy(catalogue, ({ category }) => category);
  const onShelf = new Map(
    [...shelves].map(([category, products]) => [category, zipf(products.length, 1)]),
  );
  return {
    popular: (random) => catalogue[rank(random)] ?? catalogue[0],
    similar: (random, product) => {
      const place = onShelf.get(product.category)?.(random) ?? 0;
      return shelves.get(product.category)?.[place] ?? product;
    },
    user: userRank,
  };
}

interface VisitOptions {
  readonly random: Random;
  readonly shop: Shop;
  readonly start: number;
  /** 1: realistic pace; 0.1: ten times as fast, so that high rates need fewer concurrent visits. */
  readonly pace: number;
}

/** The events of the visit, ordered by time. */
export function planVisit(options: VisitOptions): DemoEvent[] {
  const source = sources(options.random);
  const visit = new Visit(source, options);
  if (source === "shop-pos") visit.buyAtTheTill();
  else visit.browse();
  return visit.events;
}

class Visit {
  readonly events: DemoEvent[] = [];
  readonly #source: DemoSource;
  readonly #random: Random;
  readonly #shop: Shop;
  readonly #pace: number;
  readonly #session: string;
  readonly #context: Readonly<Record<string, unknown>>;
  #who: Pick<WeirEvent, "user_id" | "anonymous_id">;
  #at: number;

  constructor(source: DemoSource, { random, shop, start, pace }: VisitOptions) {
    this.#source = source;
    this.#random = random;
    this.#shop = shop;
    this.#pace = pace;
    this.#at = start;
    this.#session = randomHex(random, 8);
    // without a loyalty card at the till, or not signed in on the web
    const anonymous = random() < (source === "shop-pos" ? 0.7 : 0.4);
    this.#who = anonymous ? { anonymous_id: `visitor-${randomHex(random, 6)}` } : this.#signedIn();
    this.#context = {
      device: devices[source](random),
      ...(source === "shop-pos"
        ? { country: "United Kingdom", store: pick(random, stores) }
        : { country: countries(random) }),
      simulated: true,
    };
  }

  browse(): void {
    const random = this.#random;
    this.#add("page.view", {
      properties: { path: "/", referrer: referrers(random) },
    });
    const cart: CatalogueProduct[] = [];
    let looking = this.#shop.popular(random);
    const views = Math.ceil(exponential(random, 3.5));
    for (let n = 0; n < views; n++) {
      if (random() < 0.15) this.#search(looking);
      this.#think(9);
      this.#add("product.view", { product: asProduct(looking) });
      if (random() < 0.14) {
        this.#think(6);
        this.#add("cart.add", { product: asProduct(looking, this.#quantity()) });
        cart.push(looking);
      }
      looking = random() < 0.6 ? this.#shop.similar(random, looking) : this.#shop.popular(random);
    }
    if (cart.length > 0 && random() < 0.5) this.#checkOut(cart);
  }

  buyAtTheTill(): void {
    const order = this.#order();
    const lines = 1 + Math.floor(exponential(this.#random, 1.5));
    for (let n = 0; n < lines; n++) {
      const product = this.#shop.popular(this.#random);
      this.#add("purchase", { product: asProduct(product, this.#quantity()), properties: order });
      this.#think(2);
    }
  }

  #checkOut(cart: readonly CatalogueProduct[]): void {
    const random = this.#random;
    this.#think(20);
    // half of the anonymous visitors sign in to pay
    if (this.#who.user_id === undefined && random() < 0.5) {
      this.#who = { ...this.#who, ...this.#signedIn() };
      this.#add("user.signed_in", {});
    }
    const order = this.#order();
    this.#add("checkout.started", { properties: { ...order, lines: cart.length } });
    this.#think(25);
    if (random() < 0.15) return;
    const coupon = random() < 0.1 ? { coupon: "WELCOME10" } : {};
    const bought = cart.map((product) => ({ product, quantity: this.#quantity() }));
    for (const { product, quantity } of bought) {
      const paid = Math.round(product.price * quantity * 90) / 100;
      const reduced = "coupon" in coupon ? { revenue: paid.toFixed(2), ...coupon } : {};
      this.#add("purchase", {
        product: asProduct(product, quantity),
        properties: { ...order, ...reduced },
      });
    }
    if (random() < 0.04) this.#sendBack(bought[0], order);
  }

  #sendBack(
    line: { readonly product: CatalogueProduct; readonly quantity: number } | undefined,
    order: { readonly order_id: string },
  ): void {
    if (line === undefined) return;
    this.#think(600);
    const reason = pick(this.#random, ["damaged", "not as described", "changed my mind"]);
    const product = asProduct(line.product, line.quantity);
    this.#add("refund", { product, properties: { ...order, reason } });
  }

  #search(looking: CatalogueProduct): void {
    this.#think(5);
    const words = looking.name.toLowerCase().split(" ");
    const query = words.slice(0, 2).join(" ");
    this.#add("search", { properties: { query, results: Math.floor(this.#random() * 40) } });
  }

  #signedIn(): { readonly user_id: string } {
    return { user_id: `user-${String(this.#shop.user(this.#random) + 1).padStart(4, "0")}` };
  }

  #order(): { readonly order_id: string } {
    return { order_id: `ORD-${randomHex(this.#random, 4).toUpperCase()}` };
  }

  #quantity(): number {
    return 1 + Math.floor(exponential(this.#random, 0.6));
  }

  #think(medianSeconds: number): void {
    // shorter than the session gap, so that a visit stays one session
    const seconds = Math.min(logNormal(this.#random, medianSeconds, 0.8), 1_500);
    this.#at += Math.ceil(seconds * 1000 * this.#pace);
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

function asProduct({ id, name, category, price }: CatalogueProduct, quantity?: number) {
  const product = { id, name, category, price, currency: "GBP" };
  return quantity === undefined ? product : { ...product, quantity };
}
