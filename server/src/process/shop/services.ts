/** What the shop consists of, as far as Weir starts it. Weir imports none of its code. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import type { Config } from "../../config/schema.ts";
import { checkoutFolder } from "../paths.ts";

/** In the order in which they start; each may call those before it. */
export const shopServices = ["products", "orders", "notifications", "storefront"] as const;
export type ShopService = (typeof shopServices)[number];

/** The services with a database: its owner is a role of the same name. */
export const shopDatabases = ["shop_products", "shop_orders", "shop_notifications"] as const;
/** Of the PostgreSQL driver of the bus. */
export const busDatabase = "shop_bus";
/** Roles that publish to it or consume from it, by functions that its owner grants. */
export const busGuests = ["shop_orders", "shop_notifications"] as const;

/** Services of Weir for the shop, and their roles (`policies/`). */
export const shopSenders = {
  "shop-products": "event-sender",
  "shop-orders": "event-sender",
  "shop-notifications": "event-sender",
  "shop-storefront": "storefront",
  "shop-browser": "event-sender",
} as const;
export type ShopSender = keyof typeof shopSenders;

/** Callers between the services; each has a token. `admin` changes the catalogue. */
export const shopCallers = ["admin", "orders", "notifications", "storefront"] as const;

/** What Node.js runs; the services to start are its argument. */
export const shopMain = join(checkoutFolder, "shop", "src", "main.ts");

export const shopUnavailable =
  "not available: this installation of Weir has no folder shop/ (a checkout of the repository has it)";

/** Whether this copy of Weir contains the shop: an image or a package does not. */
export function hasShop(): boolean {
  return existsSync(shopMain);
}

/** Whether `weir up` runs the shop. */
export function runsShop({ shop }: Pick<Config, "shop">): boolean {
  return shop.enabled && hasShop();
}

/**
 * Whether `npm start`, which sets the variable, includes the shop: a first look at Weir does, on its own PostgreSQL, with the
 * demo, unless a flag, a variable or weir.yaml says something about the shop.
 */
export function wantsShop(
  { config, originOf }: { readonly config: Config; originOf(path: string): string | undefined },
  env: NodeJS.ProcessEnv,
): boolean {
  return (
    env["WEIR_INTERNAL_SHOP"] === "default" &&
    originOf("shop.enabled") === undefined &&
    config.env !== "production" &&
    config.demo.enabled &&
    config.database.url === null &&
    hasShop()
  );
}
