/** How `weir up` starts the shop: programs that import nothing of Weir, as children of the supervisor. */
import type { Config } from "../config/schema.ts";
import type { ChildSpec } from "../process/child-program.ts";
import { type ShopPlace, shopEnvironment } from "../process/shop/environment.ts";
import { shopMain, shopServices } from "../process/shop/services.ts";
import type { Supervisor } from "../process/supervisor.ts";

/** The young generation of a process with five small servers in it. */
const nodeFlags = ["--max-semi-space-size=4"];
/** It finishes its requests, and sends its last events to Weir, which stops afterwards. */
const stopGraceMs = 2_000;

/** The first screen waits this long for it. A shop that needs longer runs all the same. */
const readyTimeoutMs = 20_000;

export interface ExpectedShop {
  /** A child of the supervisor is ready. */
  ready(name: string): void;
  /** Starts it; resolves with whether it became ready in time. Never rejects: Weir runs without it. */
  start(supervisor: Supervisor, place: Omit<ShopPlace, "config">): Promise<boolean>;
}

export function expectShop(config: Config): ExpectedShop {
  const missing = new Set(shopProcesses(config).map(({ name }) => name));
  const all = Promise.withResolvers<boolean>();
  return {
    ready(name) {
      missing.delete(name);
      if (missing.size === 0) all.resolve(true);
    },
    start(supervisor, place) {
      for (const spec of shopChildren({ config, ...place })) supervisor.keep(spec);
      const timer = setTimeout(() => all.resolve(false), readyTimeoutMs);
      return all.promise.finally(() => clearTimeout(timer));
    },
  };
}

/** One for each process of the shop, in the order in which they start. */
function shopChildren(place: ShopPlace): ChildSpec[] {
  return shopProcesses(place.config).map(({ name, services }) => ({
    name,
    nodeFlags,
    stopsFirst: true,
    stopGraceMs,
    arguments: () => [services.join(",")],
    program: {
      file: shopMain,
      environment: shopEnvironment(place, services),
      announces: services,
    },
  }));
}

/** Their names, and the services that each runs. */
export function shopProcesses({ shop }: Pick<Config, "shop">) {
  // prepares the database of the bus, which RabbitMQ replaces
  const bus = shop.rabbitmq_url === null ? ["bus"] : [];
  const traffic = shop.traffic.enabled ? ["traffic"] : [];
  if (shop.processes === "one") {
    return [{ name: "shop", services: [...bus, ...shopServices, ...traffic] }];
  }
  return [...shopServices, ...traffic].map((service) => ({
    name: `shop-${service}`,
    services: service === "notifications" ? [...bus, service] : [service],
  }));
}
