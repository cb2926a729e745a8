import { listenerSettings } from "../foundation/service-settings.ts";
import {
  type Environment,
  httpAddress,
  oneOf,
  optional,
  readSettings,
  token,
  withDefault,
} from "../foundation/settings.ts";

export type StorefrontSettings = ReturnType<typeof readStorefrontSettings>;

/** @throws SettingsError */
export function readStorefrontSettings(environment: Environment) {
  return readSettings(environment, {
    ...listenerSettings("STOREFRONT"),
    /** Signs cookies, form tokens and user ids: changing it signs everyone out. */
    secret: token("SHOP_STOREFRONT_SECRET"),
    /** Of this service, for calls to the others. */
    token: token("SHOP_TOKEN_STOREFRONT"),
    productsUrl: httpAddress("SHOP_PRODUCTS_URL"),
    ordersUrl: httpAddress("SHOP_ORDERS_URL"),
    notificationsUrl: httpAddress("SHOP_NOTIFICATIONS_URL"),
    /** Where shoppers reach the shop, for links in e-mails; absent: where it listens. */
    publicUrl: optional(httpAddress("SHOP_STOREFRONT_URL")),
    /** Weir, for this service and its search; absent: names are searched by the product service. */
    weirUrl: optional(httpAddress("SHOP_WEIR_URL")),
    weirKey: optional(token("SHOP_WEIR_KEY_STOREFRONT")),
    /** Weir as browsers reach it; absent: as this service does. */
    weirPublicUrl: optional(httpAddress("SHOP_WEIR_PUBLIC_URL")),
    /** May only send events, and is public: every page contains it. Absent: browsers send no events. */
    browserKey: optional(token("SHOP_WEIR_KEY_BROWSER")),
    /** Whether the page with all messages of the log channel exists. */
    demo: withDefault(oneOf("SHOP_DEMO", ["true", "false"]), "false"),
  });
}
