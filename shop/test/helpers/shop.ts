/** The whole shop in the test's process, on databases of its own: real services, with the bus on PostgreSQL. */
import type { CleanUp } from "../../../testing/database.ts";
import { createLogger } from "../../src/foundation/logger.ts";
import { migrate, sqlFolder } from "../../src/foundation/migrate.ts";
import type { RunningService } from "../../src/foundation/running-service.ts";
import type { Environment } from "../../src/foundation/settings.ts";
import { startNotifications } from "../../src/notifications/start-notifications.ts";
import { startOrders } from "../../src/orders/start-orders.ts";
import { startProducts } from "../../src/products/start-products.ts";
import { startStorefront } from "../../src/storefront/start-storefront.ts";
import { createShopDatabases, queryShop } from "./databases.ts";
import { productEnvironment } from "./products.ts";
import { startService } from "./services.ts";

export interface TestShop {
  readonly url: string;
  readonly products: RunningService;
  readonly orders: RunningService;
  readonly notifications: RunningService;
  readonly databases: { readonly products: string; readonly notifications: string };
}

const storefrontToken = "storefront-token-of-a-test";

/** `environment` is that of every service. The catalogue is that of the sample. */
export async function startShop(t: CleanUp, environment: Environment = {}): Promise<TestShop> {
  const databases = await createShopDatabases(t, ["products", "orders", "notifications", "bus"]);
  const common: Environment = {
    ...productEnvironment(databases.products),
    SHOP_PRODUCTS_SEED: "on",
    SHOP_TOKEN_STOREFRONT: storefrontToken,
    SHOP_TOKEN_NOTIFICATIONS: "notifications-token-of-a-test",
    ...environment,
  };
  const products = await startService(t, startProducts, common);
  const [orders, notifications] = await Promise.all([
    startService(t, startOrders, {
      ...common,
      SHOP_ORDERS_DATABASE_URL: databases.orders,
      SHOP_BUS_DATABASE_URL: await joinBus(databases.bus, "shop_orders"),
      SHOP_PRODUCTS_URL: products.url,
      SHOP_ORDERS_PAYMENT_TIMEOUT_MS: "300",
    }),
    startService(t, startNotifications, {
      ...common,
      SHOP_NOTIFICATIONS_DATABASE_URL: databases.notifications,
      SHOP_BUS_DATABASE_URL: await joinBus(databases.bus, "shop_notifications"),
    }),
  ]);
  const storefront = await startService(t, startStorefront, {
    ...storefrontEnvironment,
    SHOP_PRODUCTS_URL: products.url,
    SHOP_ORDERS_URL: orders.url,
    SHOP_NOTIFICATIONS_URL: notifications.url,
    ...environment,
  });
  return { url: storefront.url, products, orders, notifications, databases };
}

/** What a storefront needs besides the addresses of the other services. */
export const storefrontEnvironment: Environment = {
  SHOP_STOREFRONT_SECRET: "0123456789abcdef0123456789abcdef",
  SHOP_TOKEN_STOREFRONT: storefrontToken,
  SHOP_DEMO: "true",
  SHOP_REQUEST_TIMEOUT_MS: "60000",
};

const logger = createLogger("test", "silent");

/** The address of the bus for a role that may publish, and consume from the queue of the notifications. */
async function joinBus(url: string, role: "shop_orders" | "shop_notifications"): Promise<string> {
  const { signal } = new AbortController();
  await migrate({ url, folder: sqlFolder("bus"), logger, signal });
  const address = new URL(url);
  await queryShop(url, `grant connect on database ${address.pathname.slice(1)} to ${role}`);
  await queryShop(url, `select bus.allow_publisher('${role}')`);
  if (role === "shop_notifications") {
    await queryShop(url, `select bus.allow_consumer('${role}', 'shop.notifications')`);
  }
  address.username = role;
  return address.href;
}
