import {
  databaseSettings,
  listenerSettings,
  weirSettings,
} from "../foundation/service-settings.ts";
import type { Environment } from "../foundation/settings.ts";
import {
  httpAddress,
  optional,
  readSettings,
  type Setting,
  token,
  wholeNumber,
  withDefault,
} from "../foundation/settings.ts";

const hourMs = 3_600_000;

function milliseconds(name: string, value: number): Setting<number> {
  const limits = { min: 10, max: 30 * 24 * hourMs };
  return withDefault(wholeNumber(`SHOP_ORDERS_${name}_MS`, limits), value);
}

const table = {
  ...listenerSettings("ORDERS"),
  ...databaseSettings("ORDERS"),
  ...weirSettings("ORDERS"),
  productsUrl: httpAddress("SHOP_PRODUCTS_URL"),
  /** What this service sends to the product service. */
  productsToken: token("SHOP_TOKEN_ORDERS"),
  /** What the storefront sends to this service. */
  storefrontToken: token("SHOP_TOKEN_STOREFRONT"),
  /** What the notification service sends to this service. */
  notificationsToken: optional(token("SHOP_TOKEN_NOTIFICATIONS")),
  /** For each call of the product service. */
  productsTimeoutMs: milliseconds("PRODUCTS_TIMEOUT", 3_000),
  paymentMs: milliseconds("PAYMENT_TIMEOUT", 5_000),
  /** How long a checkout may be silent before another process continues it. */
  leaseMs: milliseconds("LEASE", 30_000),
  /** How often silent checkouts are looked for. */
  recoveryMs: milliseconds("RECOVERY_INTERVAL", 2_000),
  /** How long an Idempotency-Key is remembered. */
  keyLifeMs: milliseconds("KEY_LIFE", 24 * hourMs),
  /** How long a reservation holds the stock. */
  reservationSeconds: withDefault(
    wholeNumber("SHOP_ORDERS_RESERVATION_SECONDS", { min: 5, max: 86_400 }),
    900,
  ),
  /** How long a request waits for the one with the same Idempotency-Key. */
  waitMs: milliseconds("WAIT", 20_000),
  /** How often the outbox is looked at when nothing wakes its publishers. */
  outboxMs: milliseconds("OUTBOX_INTERVAL", 250),
  /** How long messages that were sent are kept, to be sent again when a queue is lost. */
  outboxKeepMs: milliseconds("OUTBOX_KEEP", 7 * 24 * hourMs),
  cartLifeMs: milliseconds("CART_LIFE", 30 * 24 * hourMs),
} as const;

export type OrderSettings = ReturnType<typeof readOrderSettings>;

/** Throws a SettingsError. */
export function readOrderSettings(environment: Environment) {
  return readSettings(environment, table);
}
