/** The environment of the shop's processes. Secrets are passed as the paths of files that only their owner can read. */
import { join } from "node:path";
import type { Config } from "../../config/schema.ts";
import { plainEnvironment } from "../child-program.ts";
import { writeSecretFile } from "../run-file.ts";
import { shopAddresses, shopUrl } from "./addresses.ts";
import { shopDatabaseUrl } from "./prepare.ts";
import { shopKeyFile, shopSecrets } from "./secrets.ts";
import {
  busDatabase,
  type ShopSender,
  shopCallers,
  shopDatabases,
  shopSenders,
} from "./services.ts";

export interface ShopPlace {
  /** With the ports of `withShopPorts`. */
  readonly config: Config;
  /** Of the owner of Weir's database: the shop's are on the same server. */
  readonly ownerUrl: string;
  readonly weirUrl: string;
}

/** What a process of the shop gets; each service reads what it needs. */
export function shopEnvironment(place: ShopPlace): Record<string, string> {
  const { config, weirUrl } = place;
  const { shop, http, data_dir } = config;
  const addresses = shopAddresses(config);
  return {
    ...plainEnvironment(),
    NODE_COMPILE_CACHE: process.env["NODE_COMPILE_CACHE"] ?? join(data_dir, "compiled"),
    MALLOC_ARENA_MAX: process.env["MALLOC_ARENA_MAX"] ?? "2",
    ...prefixed("SHOP_", {
      LOG_LEVEL: config.log.level,
      WEIR_URL: weirUrl,
      PRODUCTS_PORT: String(shop.ports.products),
      ORDERS_PORT: String(shop.ports.orders),
      NOTIFICATIONS_PORT: String(shop.ports.notifications),
      STOREFRONT_PORT: String(shop.port),
      STOREFRONT_HOST: http.host,
      PRODUCTS_URL: addresses.products,
      ORDERS_URL: addresses.orders,
      NOTIFICATIONS_URL: addresses.notifications,
      STOREFRONT_URL: addresses.storefront,
      STOREFRONT_PUBLIC_URL: shopUrl(config),
      TRAFFIC_RATE: String(shop.traffic.rate),
      TRAFFIC_SEED: String(shop.traffic.seed),
    }),
    ...secretFiles(place),
  };
}

function secretFiles({ config, ownerUrl }: ShopPlace): Record<string, string> {
  const { shop, data_dir } = config;
  const secrets = shopSecrets(data_dir);
  const folder = join(data_dir, "shop");
  const inFile = (name: string, value: string | null) => {
    if (value === null) return [];
    const file = join(folder, `${name.toLowerCase().replaceAll("_", "-")}.secret`);
    writeSecretFile(file, value);
    return [[`SHOP_${name}_FILE`, file] as const];
  };
  const keyVariable = (sender: string) =>
    `SHOP_WEIR_KEY_${sender.replace("shop-", "").toUpperCase()}_FILE`;
  return Object.fromEntries([
    ...[...shopDatabases, busDatabase].flatMap((name) => {
      const url = shopDatabaseUrl(ownerUrl, { name, password: secrets.passwords[name] ?? "" });
      return inFile(`${name.replace("shop_", "").toUpperCase()}_DATABASE_URL`, url);
    }),
    ...inFile("REDIS_URL", shop.redis_url),
    ...inFile("RABBITMQ_URL", shop.rabbitmq_url),
    ...shopCallers.map(
      (caller) =>
        [
          `SHOP_TOKEN_${caller.toUpperCase()}_FILE`,
          join(folder, `token-${caller}.secret`),
        ] as const,
    ),
    ["SHOP_COOKIE_SECRET_FILE", join(folder, "cookies.secret")] as const,
    ...Object.keys(shopSenders).map(
      (sender) => [keyVariable(sender), shopKeyFile(data_dir, sender as ShopSender)] as const,
    ),
  ]);
}

function prefixed(prefix: string, values: Readonly<Record<string, string>>) {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [prefix + name, value]));
}
