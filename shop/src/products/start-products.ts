import { createCacheAside } from "../cache/cache-aside.ts";
import { openCache } from "../cache/open-cache.ts";
import { openDatabase } from "../foundation/database.ts";
import { createApp, listen } from "../foundation/http-app.ts";
import { migrate, sqlFolder } from "../foundation/migrate.ts";
import {
  type RunningService,
  runningService,
  type ServiceContext,
} from "../foundation/running-service.ts";
import {
  databaseSettings,
  listenerSettings,
  redisUrl,
  weirSettings,
} from "../foundation/service-settings.ts";
import {
  oneOf,
  optional,
  readSettings,
  token,
  wholeNumber,
  withDefault,
} from "../foundation/settings.ts";
import { openWeir } from "../foundation/weir.ts";
import { findProduct } from "./catalogue.ts";
import type { Product } from "./product.ts";
import { mountProducts } from "./product-routes.ts";
import { mountReservations } from "./reservation-routes.ts";
import { expireReservations } from "./reservations.ts";
import { restock } from "./restock.ts";
import { seedCatalogue } from "./seed.ts";
import { createProductEvents } from "./stock-events.ts";
import { keepStock } from "./stock-keeper.ts";

const name = "products";
/** Orders whose expired holds one transaction releases. */
const sweepOrders = 100;

const settingsTable = {
  ...listenerSettings("PRODUCTS"),
  ...databaseSettings("PRODUCTS"),
  ...weirSettings("PRODUCTS"),
  redisUrl,
  redisTimeoutMs: optional(wholeNumber("SHOP_REDIS_TIMEOUT_MS", { min: 1, max: 10_000 })),
  ordersToken: token("SHOP_TOKEN_ORDERS"),
  adminToken: optional(token("SHOP_TOKEN_ADMIN")),
  cacheMode: withDefault(oneOf("SHOP_PRODUCTS_CACHE", ["on", "off"]), "on"),
  cacheSeconds: withDefault(wholeNumber("SHOP_PRODUCTS_CACHE_SECONDS", { min: 1, max: 3_600 }), 60),
  sweepSeconds: withDefault(wholeNumber("SHOP_PRODUCTS_SWEEP_SECONDS", { min: 1, max: 3_600 }), 5),
  restockBy: withDefault(wholeNumber("SHOP_PRODUCTS_RESTOCK_BY", { max: 100_000 }), 0),
  seed: withDefault(oneOf("SHOP_PRODUCTS_SEED", ["on", "off"]), "on"),
};

/** The product service: catalogue, its cache, and reservations of stock. See docs/shop/products.md. */
export async function startProducts(context: ServiceContext): Promise<RunningService> {
  const { environment, logger, signal } = context;
  const settings = readSettings(environment, settingsTable);
  const { databaseUrl: url, adminToken } = settings;
  await migrate({ url, folder: sqlFolder(name), logger, signal });

  await using resources = new AsyncDisposableStack();
  const database = resources.use(
    openDatabase({
      url,
      applicationName: "shop products",
      logger,
      connections: settings.connections,
      connectTimeoutMs: settings.connectTimeoutMs,
      statementTimeoutMs: settings.statementTimeoutMs,
    }),
  );
  if (settings.seed === "on") await seedCatalogue(database, logger);
  const weir = resources.use(openWeir({ url: settings.weirUrl, key: settings.weirKey, logger }));
  const events = createProductEvents(weir);
  const store = openCache({
    mode: settings.cacheMode,
    redisUrl: settings.redisUrl,
    prefix: "shop:products:",
    timeoutMs: settings.redisTimeoutMs,
    logger,
  });
  const cache = resources.use(
    createCacheAside<Product>({
      cache: store,
      load: async (id) => {
        const { product, version } = await findProduct(database, id);
        return { value: product, version };
      },
      ttlMs: settings.cacheSeconds * 1_000,
      negativeTtlMs: (settings.cacheSeconds * 1_000) / 6,
      random: Math.random,
      logger,
    }),
  );
  resources.use(
    keepStock({
      everyMs: settings.sweepSeconds * 1_000,
      logger,
      async work() {
        const expired = await expireReservations(database, sweepOrders);
        const changes = [...expired.changes];
        if (settings.restockBy > 0) {
          const delivered = await restock(database, settings.restockBy);
          events.stockDelivered(delivered);
          changes.push(...delivered);
        }
        await cache.invalidate(changes.map(({ id, version }) => ({ key: id, version })));
        return expired.result === sweepOrders;
      },
    }),
  );
  const app = createApp({
    logger,
    requestTimeoutMs: settings.requestTimeoutMs,
    checks: {
      database: { required: true, run: () => database.query("select 1") },
      cache: { required: false, run: () => store.check() },
    },
  });
  const parts = {
    database,
    cache,
    events,
    tokens: {
      orders: settings.ordersToken,
      ...(adminToken === undefined ? {} : { admin: adminToken }),
    },
  };
  mountProducts(app, parts);
  mountReservations(app, parts);
  const listening = resources.use(await listen(app, settings));
  return runningService({ name, url: listening.url }, resources);
}
