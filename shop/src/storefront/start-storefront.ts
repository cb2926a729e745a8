import { randomBytes } from "node:crypto";
import { uuidV7 } from "@weir/sdk";
import { createApp, listen } from "../foundation/http-app.ts";
import {
  type RunningService,
  runningService,
  type ServiceContext,
} from "../foundation/running-service.ts";
import { createServiceClient, type ServiceClient } from "../foundation/service-client.ts";
import type { Shop } from "./answer.ts";
import { loadAssets } from "./assets/assets.ts";
import { mountAssets } from "./http/assets-plugin.ts";
import { mountPages } from "./http/pages-plugin.ts";
import { checkoutLimitMs } from "./http/routes.ts";
import { securityHeaders } from "./http/security-headers.ts";
import { Signer } from "./security/cookies.ts";
import { RateLimit } from "./security/rate-limit.ts";
import { failFast } from "./services/fail-fast.ts";
import { createMessages } from "./services/messages.ts";
import { createOrders } from "./services/orders.ts";
import { createProducts } from "./services/products.ts";
import { createSearch, type Search } from "./services/search.ts";
import { readStorefrontSettings, type StorefrontSettings } from "./settings.ts";
import { SignInLinks } from "./sign-in/links.ts";

/** How long a page waits for a service. */
const serviceLimitMs = 3_000;
/** Search, recommendations: a page is shown without them rather than late. */
const searchLimitMs = 1_500;
const pauseMs = 5_000;

/** The shop's pages. It needs no other service to start: a page says what is unavailable. */
export async function startStorefront({
  environment,
  logger,
}: ServiceContext): Promise<RunningService> {
  const settings = readStorefrontSettings(environment);
  await using resources = new AsyncDisposableStack();
  const app = createApp({
    logger,
    checks: {},
    bodyLimit: 16 * 1024,
    requestTimeoutMs: settings.requestTimeoutMs,
  });
  const weirPublicUrl = settings.weirPublicUrl ?? settings.weirUrl;
  const secure = settings.publicUrl?.startsWith("https:") === true;
  const headers = securityHeaders({
    weirOrigin: weirPublicUrl === undefined ? undefined : new URL(weirPublicUrl).origin,
    secure,
  });
  app.addHook("onRequest", async (_request, reply) => {
    reply.headers(headers);
  });
  let address = "";
  const signer = new Signer(settings.secret);
  const clock = { now: Date.now, newId: () => uuidV7(Date.now(), randomBytes(16)) };
  const shop: Shop = {
    ...openServices(settings),
    ...clock,
    links: new SignInLinks({ now: clock.now, minutes: 15, capacity: 10_000 }),
    limits: {
      signInByAddress: new RateLimit({ burst: 20, refillMs: 30_000, memory: 10_000 }),
      signInByEmail: new RateLimit({ burst: 5, refillMs: 180_000, memory: 10_000 }),
    },
    signer,
    publicUrl: () => settings.publicUrl ?? address,
    demo: settings.demo === "true",
    logger,
  };
  const assets = loadAssets();
  mountAssets(app, assets);
  const { browserKey } = settings;
  const weir =
    weirPublicUrl === undefined || browserKey === undefined
      ? undefined
      : { url: weirPublicUrl, key: browserKey };
  const site = { assets, weir, demo: shop.demo };
  mountPages(app, { shop, site, visits: { ...clock, signer, secure }, logger });
  const server = await listen(app, { host: settings.host, port: settings.port });
  resources.use(server);
  address = server.url;
  return runningService({ name: "storefront", url: server.url }, resources);
}

function openServices(
  settings: StorefrontSettings,
): Pick<Shop, "products" | "orders" | "messages" | "search"> {
  const { token, productsUrl, ordersUrl, notificationsUrl } = settings;
  const client = (service: string, url: string, timeoutMs = serviceLimitMs): ServiceClient =>
    createServiceClient({ service, url, token, timeoutMs });
  const orders = client("orders", ordersUrl);
  return {
    products: createProducts(client("products", productsUrl)),
    orders: createOrders(orders, client("orders", ordersUrl, checkoutLimitMs)),
    messages: createMessages(client("notifications", notificationsUrl)),
    search: openSearch(settings),
  };
}

function openSearch({ weirUrl, weirKey }: StorefrontSettings): Search | undefined {
  if (weirUrl === undefined || weirKey === undefined) return undefined;
  const service = "weir";
  const client = createServiceClient({
    service,
    url: weirUrl,
    token: weirKey,
    timeoutMs: searchLimitMs,
  });
  return createSearch(failFast(client, { service, pauseMs, now: () => performance.now() }));
}
