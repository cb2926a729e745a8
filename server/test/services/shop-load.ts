/** A load generator that sends one event per request in a closed loop, and records the expected state. */
import { Agent, request } from "node:http";
import { productName } from "../../../testing/product-name.ts";
import { makeId, makeRandom } from "../../../testing/random.ts";

/** The expected payloads of product and user points, by key. */
export interface Books {
  readonly products: Map<string, ProductBook>;
  readonly users: Map<string, UserBook>;
}

interface ProductBook {
  readonly name: string;
  readonly price: number;
  readonly counts: Map<string, number>;
  first: number;
  last: number;
}

interface UserBook {
  events: number;
  readonly products: Set<string>;
  last: number;
}

export interface ShopOptions {
  readonly url: string;
  readonly key: string;
}

export interface Answer {
  /** By `performance.now()`. */
  readonly at: number;
  readonly ms: number;
  readonly isAccepted: boolean;
}

export interface Shop {
  readonly books: Books;
  readonly answers: readonly Answer[];
  /** Sends in a closed loop, every twentieth product new. */
  start(): void;
  /** Resolves when every sender has received its answer. */
  stop(): Promise<void>;
}

/** Products that exist before the load, sent in one batch. */
const knownProducts = 1_000;
const knownUsers = 400;
/** Products per user: fewer than an interest vector keeps. */
const productsOfUser = 12;
const newProductEvery = 20;
const senders = 4;

interface ShopEvent {
  readonly event_id: string;
  readonly event_type: string;
  readonly timestamp: string;
  readonly user_id: string;
  readonly product: {
    readonly id: string;
    readonly name: string;
    readonly category: string;
    readonly price: number;
    readonly currency: string;
  };
}

const category = "household";
const currency = "TRY";
const types = ["product.view", "product.view", "product.view", "add_to_cart", "purchase"] as const;

function makeEvent(random: () => number, about: { product: number; user: string }): ShopEvent {
  return {
    event_id: makeId(random),
    event_type: types[Math.floor(random() * types.length)] ?? "product.view",
    timestamp: new Date().toISOString(),
    user_id: about.user,
    product: {
      id: `product-${about.product}`,
      name: productName(about.product),
      category,
      price: 5 + (about.product % 500),
      currency,
    },
  };
}

function enter(books: Books, event: ShopEvent): void {
  const at = Date.parse(event.timestamp);
  const { id, name, price } = event.product;
  const product = books.products.get(id) ?? {
    name,
    price,
    counts: new Map<string, number>(),
    first: at,
    last: at,
  };
  books.products.set(id, product);
  product.counts.set(event.event_type, (product.counts.get(event.event_type) ?? 0) + 1);
  product.first = Math.min(product.first, at);
  product.last = Math.max(product.last, at);
  const user = books.users.get(event.user_id) ?? {
    events: 0,
    products: new Set<string>(),
    last: at,
  };
  books.users.set(event.user_id, user);
  user.events++;
  user.products.add(id);
  user.last = Math.max(user.last, at);
}

/** Sends the products that are known before the load. */
export async function openShop({ url, key }: ShopOptions): Promise<Shop> {
  const random = makeRandom(11);
  const books: Books = { products: new Map(), users: new Map() };
  const answers: Answer[] = [];
  const agent = new Agent({ keepAlive: true, maxSockets: senders });
  const post = (path: string, body: unknown): Promise<number> =>
    new Promise((resolve, reject) => {
      const text = JSON.stringify(body);
      const sent = request(
        new URL(path, url),
        {
          method: "POST",
          agent,
          headers: {
            "content-type": "application/json",
            "content-length": Buffer.byteLength(text),
            "x-api-key": key,
          },
          timeout: 30_000,
        },
        (response) => {
          response.resume();
          response.on("end", () => resolve(response.statusCode ?? 0));
          response.on("error", reject);
        },
      );
      sent.on("timeout", () => sent.destroy(new Error("no answer within 30 s")));
      sent.on("error", reject);
      sent.end(text);
    });

  const first = Array.from({ length: knownProducts }, (_, product) =>
    makeEvent(random, { product, user: `user-${product % knownUsers}` }),
  );
  for (let at = 0; at < first.length; at += 100) {
    const batch = first.slice(at, at + 100);
    if ((await post("/api/events/batch", batch)) !== 202) throw new Error("a batch was refused");
    for (const event of batch) enter(books, event);
  }

  let isStopped = false;
  let made = 0;
  const next = (): ShopEvent => {
    const n = made++;
    if (n % newProductEvery === 0) {
      const product = knownProducts + n / newProductEvery;
      return makeEvent(random, { product, user: `newcomer-${product}` });
    }
    const user = Math.floor(random() * knownUsers);
    const product = (user * 7 + Math.floor(random() * productsOfUser)) % knownProducts;
    return makeEvent(random, { product, user: `user-${user}` });
  };
  const send = async (): Promise<void> => {
    while (!isStopped) {
      const event = next();
      const began = performance.now();
      // an answer that does not come ends the test, as it is unknown whether the event counts
      const isAccepted = (await post("/api/events/", event)) === 202;
      if (isAccepted) enter(books, event);
      const at = performance.now();
      answers.push({ at, ms: at - began, isAccepted });
    }
  };
  let sending: Promise<unknown> = Promise.resolve();
  return {
    books,
    answers,
    start() {
      sending = Promise.all(Array.from({ length: senders }, send)).finally(() => {
        isStopped = true;
        agent.destroy();
      });
      // `stop` reports it
      sending.catch(() => {});
    },
    async stop() {
      isStopped = true;
      await sending;
    },
  };
}

/** The payloads expected in the store, by alias and key. */
export function expectedPayloads({ products, users }: Books): {
  readonly products: ReadonlyMap<string, unknown>;
  readonly users: ReadonlyMap<string, unknown>;
} {
  const time = (ms: number) => new Date(ms).toISOString();
  return {
    products: new Map(
      [...products].map(([key, { name, price, counts, first, last }]) => [
        key,
        {
          product_id: key,
          name,
          category,
          price,
          currency,
          first_seen: time(first),
          last_seen: time(last),
          counts: Object.fromEntries(counts),
        },
      ]),
    ),
    users: new Map(
      [...users].map(([key, user]) => [
        key,
        {
          user_id: key,
          events: user.events,
          products: user.products.size,
          last_seen: time(user.last),
        },
      ]),
    ),
  };
}

export interface Pace {
  readonly events: number;
  readonly refused: number;
  readonly eventsPerSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly longestMs: number;
}

/** Between two instants of `performance.now()`. */
export function paceBetween(answers: readonly Answer[], from: number, to: number): Pace {
  const within = answers.filter(({ at }) => at >= from && at < to);
  const sorted = within.map(({ ms }) => ms).sort((a, b) => a - b);
  const at = (share: number) => sorted[Math.floor((sorted.length - 1) * share)] ?? Number.NaN;
  const accepted = within.filter(({ isAccepted }) => isAccepted).length;
  return {
    events: accepted,
    refused: within.length - accepted,
    eventsPerSecond: (accepted * 1000) / (to - from),
    p50Ms: at(0.5),
    p99Ms: at(0.99),
    longestMs: at(1),
  };
}
