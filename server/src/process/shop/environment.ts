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
  busGuests,
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

/** The secrets of each service, by variable: a process gets those of its own services. */
const secretsOf: Readonly<Record<string, RegExp>> = {
  bus: /^SHOP_BUS_OWNER_/,
  products: /_(PRODUCTS_DATABASE|REDIS)_URL|_KEY_PRODUCTS|_TOKEN_(ADMIN|ORDERS)/,
  orders:
    /_ORDERS_(_BUS_)?DATABASE_URL|_RABBITMQ_URL|_KEY_ORDERS|_TOKEN_(ORDERS|STOREFRONT|NOTIFICATIONS)/,
  notifications:
    /_NOTIFICATIONS_(_BUS_)?DATABASE_URL|_RABBITMQ_URL|_KEY_NOTIFICATIONS|_TOKEN_(NOTIFICATIONS|STOREFRONT|ADMIN)/,
  storefront: /_STOREFRONT_SECRET|_KEY_(STOREFRONT|BROWSER)|_TOKEN_STOREFRONT/,
  traffic: /_TOKEN_STOREFRONT/,
};

/** What a process with these services gets. */
export function shopEnvironment(
  place: ShopPlace,
  services: readonly string[],
): Record<string, string> {
  const { config, weirUrl } = place;
  const { shop, http, data_dir } = config;
  const addresses = shopAddresses(config);
  return {
    ...plainEnvironment(),
    NODE_COMPILE_CACHE: process.env["NODE_COMPILE_CACHE"] ?? join(data_dir, "compiled"),
    MALLOC_ARENA_MAX: process.env["MALLOC_ARENA_MAX"] ?? "2",
    ...prefixed("SHOP_", {
      LOG_LEVEL: config.log.level,
      // the supervisor kills it a little later
      STOP_SECONDS: "2",
      DEMO: "true",
      HOST: "127.0.0.1",
      STOREFRONT__HOST: http.host,
      WEIR_URL: weirUrl,
      // simulated shoppers would empty it
      PRODUCTS_RESTOCK_BY: "200",
      PRODUCTS_PORT: String(shop.ports.products),
      ORDERS_PORT: String(shop.ports.orders),
      NOTIFICATIONS_PORT: String(shop.ports.notifications),
      STOREFRONT_PORT: String(shop.port),
      PRODUCTS_URL: addresses.products,
      ORDERS_URL: addresses.orders,
      NOTIFICATIONS_URL: addresses.notifications,
      STOREFRONT_URL: addresses.storefront,
      STOREFRONT_PUBLIC_URL: shopUrl(config),
      ...trafficVariables(shop.traffic),
    }),
    ...Object.fromEntries(
      Object.entries(secretFiles(place)).filter(([variable]) =>
        services.some((service) => secretsOf[service]?.test(variable)),
      ),
    ),
  };
}

function trafficVariables({ rate, seed, pace, buyers }: Config["shop"]["traffic"]) {
  return {
    TRAFFIC_RATE: String(rate),
    TRAFFIC_SEED: String(seed),
    TRAFFIC_PACE: String(pace),
    ...(buyers === null ? {} : { TRAFFIC_BUYERS: String(buyers) }),
  };
}

/** The variable of each secret, and its file. */
function secretFiles({ config, ownerUrl }: ShopPlace): Record<string, string> {
  const { shop, data_dir } = config;
  const { passwords } = shopSecrets(data_dir);
  const folder = join(data_dir, "shop");
  const files: Record<string, string> = {
    SHOP_STOREFRONT_SECRET_FILE: join(folder, "storefront.secret"),
  };
  const keep = (variable: string, value: string | null) => {
    if (value === null) return;
    const name = variable.toLowerCase().replaceAll(/_+/g, "-");
    const file = join(folder, `${name}.secret`);
    writeSecretFile(file, value);
    files[`SHOP_${variable}_FILE`] = file;
  };
  const url = (name: string, role = name) =>
    shopDatabaseUrl(ownerUrl, { name, role, password: passwords[role] ?? "" });
  for (const name of shopDatabases) keep(`${serviceOf(name)}_DATABASE_URL`, url(name));
  if (shop.rabbitmq_url === null) {
    keep("BUS_OWNER_URL", url(busDatabase));
    for (const role of busGuests) {
      keep(`${serviceOf(role)}__BUS_DATABASE_URL`, url(busDatabase, role));
    }
  }
  keep("RABBITMQ_URL", shop.rabbitmq_url);
  keep("REDIS_URL", shop.redis_url);
  for (const caller of shopCallers) {
    files[`SHOP_TOKEN_${caller.toUpperCase()}_FILE`] = join(folder, `token-${caller}.secret`);
  }
  for (const sender of Object.keys(shopSenders) as ShopSender[]) {
    const variable = `SHOP_WEIR_KEY_${sender.replace("shop-", "").toUpperCase()}_FILE`;
    files[variable] = shopKeyFile(data_dir, sender);
  }
  return files;
}

/** `shop_orders` -> `ORDERS` */
function serviceOf(role: string): string {
  return role.replace("shop_", "").toUpperCase();
}

function prefixed(prefix: string, values: Readonly<Record<string, string>>) {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [prefix + name, value]));
}
