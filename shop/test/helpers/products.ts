import type { CleanUp } from "../../../testing/database.ts";
import type { RunningService } from "../../src/foundation/running-service.ts";
import type { Environment } from "../../src/foundation/settings.ts";
import { startProducts } from "../../src/products/start-products.ts";
import { createShopDatabases, queryShop } from "./databases.ts";
import { startService } from "./services.ts";

export const tokens = { orders: "token-of-orders-0001", admin: "token-of-admin-00002" } as const;

/** The environment of a product service with an empty catalogue of its own. */
export function productEnvironment(databaseUrl: string): Environment {
  return {
    SHOP_PRODUCTS_DATABASE_URL: databaseUrl,
    SHOP_TOKEN_ORDERS: tokens.orders,
    SHOP_TOKEN_ADMIN: tokens.admin,
    SHOP_PRODUCTS_SEED: "off",
    SHOP_PRODUCTS_CACHE_SECONDS: "3600",
    // tests wait for conditions: a machine that is busy must not make the service fail
    SHOP_CONNECT_TIMEOUT_MS: "60000",
    SHOP_STATEMENT_TIMEOUT_MS: "60000",
    SHOP_REQUEST_TIMEOUT_MS: "60000",
  };
}

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  // biome-ignore lint/suspicious/noExplicitAny: tests read members of answers and compare them
  readonly body: any;
}

/** Calls to a product service, with the token that each needs. */
export interface ProductCalls {
  get(path: string): Promise<Answer>;
  /** With the token of an administrator. */
  admin(method: string, path: string, body?: unknown): Promise<Answer>;
  /** With the token of the order service. */
  reserve(orderId: string, items: Readonly<Record<string, number>>, ttl?: number): Promise<Answer>;
  orders(path: string): Promise<Answer>;
}

export interface ProductClient extends ProductCalls {
  readonly databaseUrl: string;
  readonly service: RunningService;
}

/** A product service in this process, and calls to it. */
export async function startProductService(
  t: CleanUp,
  environment: Environment = {},
): Promise<ProductClient> {
  const { products } = await createShopDatabases(t, ["products"]);
  const service = await startService(t, startProducts, {
    ...productEnvironment(products),
    ...environment,
  });
  return { databaseUrl: products, service, ...callProducts(service.url) };
}

/** Calls to a product service that runs somewhere. */
export function callProducts(url: string): ProductCalls {
  const call = async (
    method: string,
    path: string,
    { token, body }: { readonly token?: string; readonly body?: unknown } = {},
  ): Promise<Answer> => {
    const response = await fetch(url + path, {
      method,
      headers: {
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
        ...(body === undefined ? {} : { "content-type": "application/json" }),
      },
      body: body === undefined ? null : JSON.stringify(body),
    });
    const text = await response.text();
    return {
      status: response.status,
      headers: response.headers,
      body: text === "" ? undefined : JSON.parse(text),
    };
  };
  return {
    get: (path) => call("GET", path),
    admin: (method, path, body) => call(method, path, { token: tokens.admin, body }),
    orders: (path) => call("POST", path, { token: tokens.orders }),
    reserve: (order_id, items, ttl_seconds) =>
      call("POST", "/reservations", {
        token: tokens.orders,
        body: {
          order_id,
          items: Object.entries(items).map(([product_id, quantity]) => ({ product_id, quantity })),
          ...(ttl_seconds === undefined ? {} : { ttl_seconds }),
        },
      }),
  };
}

export function product(id: string, members: Readonly<Record<string, unknown>> = {}) {
  return {
    id,
    name: `Product ${id}`,
    category: "Home",
    price: "2.50",
    currency: "GBP",
    stock: 10,
    ...members,
  };
}

/** For tests that share a service: no products, reservations and holds; versions continue. */
export async function emptyCatalogue({ databaseUrl }: ProductClient): Promise<void> {
  await queryShop(databaseUrl, "truncate products, reservations, holds");
}
