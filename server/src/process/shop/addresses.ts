/** Where the shop's services listen. Known before they start, because each gets the others' addresses. */
import type { Config } from "../../config/schema.ts";
import { checkPortIsFree, findFreePort } from "../port.ts";
import type { ShopService } from "./services.ts";

const loopback = "127.0.0.1";

/**
 * The shop's settings with a free port in place of each 0.
 * @param isDefault the port of the pages is the default: beside a Weir on a free port, or another shop, it is a free one too
 */
export async function withShopPorts(config: Config, isDefault: boolean): Promise<Config> {
  const { shop, http } = config;
  if (!shop.enabled) return config;
  const orFree = async (port: number, host: string) => (port === 0 ? findFreePort(host) : port);
  const ports = {
    products: await orFree(shop.ports.products, loopback),
    orders: await orFree(shop.ports.orders, loopback),
    notifications: await orFree(shop.ports.notifications, loopback),
  };
  const isTaken = async () =>
    http.port === 0 ||
    (await checkPortIsFree({ host: http.host, port: shop.port }).then(
      () => false,
      () => true,
    ));
  const wanted = isDefault && (await isTaken()) ? 0 : shop.port;
  return { ...config, shop: { ...shop, ports, port: await orFree(wanted, http.host) } };
}

/** Where each service listens, with the setting of its port. */
export function shopListeners({ shop, http }: Pick<Config, "shop" | "http">) {
  return [
    { setting: "shop.port", host: http.host, port: shop.port },
    ...Object.entries(shop.ports).map(([name, port]) => ({
      setting: `shop.ports.${name}`,
      host: loopback,
      port,
    })),
  ];
}

/** Base URLs, as the services and Weir call them. Needs the settings of `withShopPorts`. */
export function shopAddresses({ shop, http }: Config): Readonly<Record<ShopService, string>> {
  const { products, orders, notifications } = shop.ports;
  return {
    products: `http://${loopback}:${products}`,
    orders: `http://${loopback}:${orders}`,
    notifications: `http://${loopback}:${notifications}`,
    storefront: `http://${reachable(http.host)}:${shop.port}`,
  };
}

/** The address for people. */
export function shopUrl(config: Config): string {
  return config.shop.public_url ?? shopAddresses(config).storefront;
}

/** Origins of the shop's pages, which send events from browsers. */
export function shopOrigins(config: Config): readonly string[] {
  if (!config.shop.enabled) return [];
  return [...new Set([shopUrl(config), `http://localhost:${config.shop.port}`])];
}

/** An address to call: no one listens on "all addresses" itself. */
function reachable(host: string): string {
  if (host === "0.0.0.0" || host === "::") return loopback;
  return host.includes(":") ? `[${host}]` : host;
}
