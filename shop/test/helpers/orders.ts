/** An order service in the test's process, on a database of its own, with a product service of the test. */

import type { CleanUp } from "../../../testing/database.ts";
import { type Database, openDatabase } from "../../src/foundation/database.ts";
import { createLogger } from "../../src/foundation/logger.ts";
import { migrate, sqlFolder } from "../../src/foundation/migrate.ts";
import { ServiceUnavailableError } from "../../src/foundation/service-client.ts";
import { createOrders, type OrdersPorts } from "../../src/orders/create-orders.ts";
import type { Order } from "../../src/orders/order.ts";
import type { OrderMessage } from "../../src/orders/order-messages.ts";
import { createSimulatedPayments } from "../../src/orders/payments.ts";
import type { Products } from "../../src/orders/products.ts";
import { readOrderSettings } from "../../src/orders/settings.ts";
import { createShopDatabases } from "./databases.ts";

export const storefrontToken = "storefront-token-of-tests";
export const notificationsToken = "notifications-token-of-tests";

/** Shelves that can be emptied and closed: the product service's side of the contract, in memory. */
export class Shelves implements Products {
  readonly stock = new Map([
    ["mug", 10],
    ["lamp", 5],
    ["pot", 1],
  ]);
  readonly prices: Record<string, string> = { mug: "2.55", lamp: "19.90", pot: "0.10" };
  readonly reservations = new Map<string, Record<string, number>>();
  readonly confirmed = new Set<string>();
  isDown = false;
  /** Answers get lost: the work is done, and its caller sees an error. */
  losesAnswers = false;

  async reserve({ orderId, items }: Parameters<Products["reserve"]>[0]) {
    this.#arrive();
    if (!this.reservations.has(orderId)) {
      const lacking = items.filter(
        (item) => (this.stock.get(item.product_id) ?? 0) < item.quantity,
      );
      if (lacking.length > 0) {
        return {
          kind: "refused",
          code: "out_of_stock",
          detail: "too few",
          items: lacking,
        } as const;
      }
      for (const { product_id, quantity } of items) this.#add(product_id, -quantity);
      this.reservations.set(
        orderId,
        Object.fromEntries(items.map(({ product_id, quantity }) => [product_id, quantity])),
      );
    }
    this.#answer();
    return {
      kind: "reserved",
      expiresAt: new Date(Date.now() + 900_000),
      items: items.map(({ product_id, quantity }) => ({
        product_id,
        quantity,
        name: `The ${product_id}`,
        category: "Tableware",
        price: this.prices[product_id] ?? "1.00",
        currency: "GBP",
      })),
    } as const;
  }

  async confirm(orderId: string) {
    this.#arrive();
    const isThere = this.reservations.has(orderId);
    if (isThere) this.confirmed.add(orderId);
    this.#answer();
    return isThere ? "confirmed" : "expired";
  }

  async release(orderId: string) {
    this.#arrive();
    const reserved = this.reservations.get(orderId) ?? {};
    for (const [product, quantity] of Object.entries(reserved)) this.#add(product, quantity);
    this.reservations.delete(orderId);
    this.#answer();
  }

  #arrive(): void {
    if (this.isDown) throw new ServiceUnavailableError("products", "the test closed it");
  }

  #answer(): void {
    if (this.losesAnswers)
      throw new ServiceUnavailableError("products", "the test lost its answer");
  }

  #add(product: string, quantity: number): void {
    this.stock.set(product, (this.stock.get(product) ?? 0) + quantity);
  }
}

export interface TestOrders {
  readonly url: string;
  readonly databaseUrl: string;
  readonly database: Database;
  readonly shelves: Shelves;
  /** What the bus has confirmed, in its order. */
  readonly published: OrderMessage[];
  /** Events that Weir has, by id. */
  readonly events: Map<string, Record<string, unknown>>;
  call(method: string, path: string, options?: CallOptions): Promise<Answer>;
  /** A cart with one mug for each call, or with these items. */
  makeCart(items?: Readonly<Record<string, number>>): Promise<string>;
  checkout(cartId: string, options?: CheckoutOptions): Promise<Answer>;
}

interface CallOptions {
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

interface CheckoutOptions {
  readonly key?: string;
  readonly simulate?: "success" | "decline" | "time_out";
  readonly user?: string;
}

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Order & Readonly<Record<string, unknown>>;
}

export interface TestOrdersOptions {
  readonly ports?: Partial<OrdersPorts>;
  /** `SHOP_ORDERS_…` */
  readonly environment?: Readonly<Record<string, string>>;
  /** Another process of the same service: it has the same database and products. */
  readonly beside?: TestOrders;
}

/** A migrated database without a service. */
export async function createOrdersDatabase(
  t: CleanUp,
): Promise<{ readonly url: string; readonly database: Database }> {
  const { orders: url } = await createShopDatabases(t, ["orders"]);
  const { signal } = new AbortController();
  await migrate({ url, folder: sqlFolder("orders"), logger, signal });
  return { url, database: open(url) };
}

/** Unless WEIR_TEST_LOG names a level. */
export const silentLogger = createLogger("orders", process.env["WEIR_TEST_LOG"] ?? "silent");
const logger = silentLogger;

/** A machine that is busy must not make the service fail. */
const patienceMs = 60_000;

function open(url: string): Database {
  return openDatabase({
    url,
    applicationName: "test orders",
    logger,
    connectTimeoutMs: patienceMs,
    statementTimeoutMs: patienceMs,
  });
}

export async function startTestOrders(
  t: CleanUp,
  { ports, environment, beside }: TestOrdersOptions = {},
): Promise<TestOrders> {
  const { url, database } =
    beside === undefined
      ? await createOrdersDatabase(t)
      : { url: beside.databaseUrl, database: open(beside.databaseUrl) };
  const shelves = beside?.shelves ?? new Shelves();
  const published: OrderMessage[] = [];
  const events = new Map<string, Record<string, unknown>>();
  const service = await createOrders(
    {
      database,
      products: shelves,
      payments: createSimulatedPayments(database),
      async publish(messages) {
        published.push(...messages);
      },
      async sendToWeir(sent) {
        for (const event of sent) events.set(String(event.event_id), { ...event });
        return [];
      },
      busHealth: async () => {},
      logger,
      now: () => new Date(),
      random: Math.random,
      ...ports,
    },
    readOrderSettings({
      SHOP_ORDERS_DATABASE_URL: url,
      SHOP_PRODUCTS_URL: "http://127.0.0.1:1",
      SHOP_TOKEN_ORDERS: "orders-token-of-tests",
      SHOP_TOKEN_STOREFRONT: storefrontToken,
      SHOP_TOKEN_NOTIFICATIONS: notificationsToken,
      SHOP_ORDERS_PAYMENT_TIMEOUT_MS: "300",
      SHOP_ORDERS_OUTBOX_INTERVAL_MS: "20",
      SHOP_ORDERS_RECOVERY_INTERVAL_MS: "50",
      SHOP_ORDERS_WAIT_MS: `${patienceMs}`,
      SHOP_REQUEST_TIMEOUT_MS: `${patienceMs}`,
      ...environment,
    }),
  );
  t.after(async () => {
    await service.close();
    await database.close();
  });
  const call = createCall(service.url);
  return {
    url: service.url,
    databaseUrl: url,
    database,
    shelves,
    published,
    events,
    call,
    ...createShopper(call),
  };
}

/** Calls with the storefront's token. */
export function createCall(url: string): TestOrders["call"] {
  return async (method, path, { body, headers = {} } = {}) => {
    const response = await fetch(`${url}${path}`, {
      method,
      headers: {
        authorization: `Bearer ${storefrontToken}`,
        ...(body === undefined ? {} : { "content-type": "application/json" }),
        ...headers,
      },
      body: body === undefined ? null : JSON.stringify(body),
    });
    return {
      status: response.status,
      headers: response.headers,
      body: (await response.json()) as Answer["body"],
    };
  };
}

export function createShopper(call: TestOrders["call"]): Pick<TestOrders, "makeCart" | "checkout"> {
  return {
    async makeCart(items = { mug: 1 }) {
      const { body } = await call("POST", "/carts");
      for (const [product, quantity] of Object.entries(items)) {
        await call("PUT", `/carts/${body.id}/items/${product}`, { body: { quantity } });
      }
      return body.id;
    },
    checkout(cartId, { key = crypto.randomUUID(), simulate = "success", user = "ayse" } = {}) {
      return call("POST", "/checkouts", {
        headers: { "idempotency-key": key },
        body: {
          cart_id: cartId,
          user_id: user,
          anonymous_id: "anonymous-1",
          session_id: "session-1",
          email: "ayse@example.com",
          language: "tr",
          payment: { method: "card", simulate },
        },
      });
    },
  };
}
