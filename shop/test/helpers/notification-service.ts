/** What the tests of the notification service share. */
import { randomUUID } from "node:crypto";
import type { CleanUp } from "../../../testing/database.ts";
import type { CloudEvent } from "../../src/bus/cloud-event.ts";
import { type OrderData, type OrderEventType, orderEvent } from "../../src/bus/order-events.ts";
import { createLogger } from "../../src/foundation/logger.ts";
import { migrate, sqlFolder } from "../../src/foundation/migrate.ts";
import { createShopDatabases, queryShop } from "./databases.ts";

const storefrontToken = "storefront-token-of-a-test";
export const adminToken = "admin-token-of-a-test";
export const notificationsToken = "notifications-token-of-a-test";

export interface NotificationDatabases {
  /** Of the owners. */
  readonly bus: string;
  readonly notifications: string;
  /** The settings of the service, with the bus on PostgreSQL, with the service's role. */
  readonly environment: Readonly<Record<string, string>>;
}

export async function createNotificationDatabases(t: CleanUp): Promise<NotificationDatabases> {
  const { bus, notifications } = await createShopDatabases(t, ["bus", "notifications"]);
  const logger = createLogger("test", "silent");
  const { signal } = new AbortController();
  await migrate({ url: bus, folder: sqlFolder("bus"), logger, signal });
  const database = new URL(bus).pathname.slice(1);
  await queryShop(bus, `grant connect on database ${database} to shop_notifications`);
  await queryShop(
    bus,
    `select bus.allow_consumer('shop_notifications', 'shop.notifications'),
       bus.allow_publisher('shop_notifications')`,
  );
  const own = new URL(bus);
  own.username = "shop_notifications";
  return {
    bus,
    notifications,
    environment: {
      SHOP_NOTIFICATIONS_DATABASE_URL: notifications,
      SHOP_BUS_DATABASE_URL: own.href,
      SHOP_BUS_LEASE_MS: "2000",
      SHOP_TOKEN_STOREFRONT: storefrontToken,
      SHOP_TOKEN_ADMIN: adminToken,
      SHOP_TOKEN_NOTIFICATIONS: notificationsToken,
      SHOP_NOTIFICATIONS_RETRY_MS: "20,50",
      SHOP_LOG_LEVEL: process.env["WEIR_TEST_LOG"] ?? "silent",
    },
  };
}

/** An order event as the order service publishes it. */
export function orderMessage(
  type: OrderEventType = "shop.order.paid.v1",
  changes: Partial<OrderData> = {},
): CloudEvent<OrderData> {
  const time = new Date();
  const order: OrderData = {
    id: randomUUID(),
    user_id: `user-${randomUUID()}`,
    email: "shopper@example.com",
    language: "en",
    state: "paid",
    items: [{ product_id: "85123A", name: "Lamp", category: "Home", quantity: 2, price: "12.50" }],
    total: "25.00",
    currency: "GBP",
    created_at: time.toISOString(),
    updated_at: time.toISOString(),
    ...changes,
  };
  return orderEvent({ id: randomUUID(), type, time, order });
}

export interface StoredNotification {
  readonly id: string;
  readonly message_id: string;
  readonly channel: string;
  readonly kind: string;
  readonly to: string;
  readonly language: string;
  readonly subject: string;
  readonly text: string;
  readonly state: string;
  readonly attempts: number;
  readonly reason: string | null;
}

export interface Call {
  readonly method?: string;
  readonly token?: string;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

/** Status and parsed body. */
export async function call<Body = Record<string, unknown>>(
  url: string,
  { method = "GET", token = storefrontToken, body, headers = {} }: Call = {},
): Promise<{ readonly status: number; readonly body: Body }> {
  const response = await fetch(url, {
    method,
    headers: {
      authorization: `Bearer ${token}`,
      ...(body === undefined ? {} : { "content-type": "application/json" }),
      ...headers,
    },
    body: body === undefined ? null : JSON.stringify(body),
    signal: AbortSignal.timeout(60_000),
  });
  const text = await response.text();
  return { status: response.status, body: (text === "" ? {} : JSON.parse(text)) as Body };
}

export async function notificationsOf(
  url: string,
  filter: string,
): Promise<readonly StoredNotification[]> {
  const { body } = await call<{ items: StoredNotification[] }>(`${url}/notifications?${filter}`);
  return body.items;
}
