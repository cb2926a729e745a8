/** The service `traffic`: simulated shoppers. It listens nowhere. */
import { setTimeout as delay } from "node:timers/promises";
import {
  type RunningService,
  runningService,
  type ServiceContext,
} from "../foundation/running-service.ts";
import { createServiceClient } from "../foundation/service-client.ts";
import {
  type Environment,
  httpAddress,
  optional,
  readSettings,
  type Setting,
  token,
  wholeNumber,
  withDefault,
} from "../foundation/settings.ts";
import { openWeir, type Weir } from "../foundation/weir.ts";
import { createBrowser } from "./browser.ts";
import type { Page } from "./page.ts";
import type { Plan } from "./plan.ts";
import { logNormal } from "./random.ts";
import { readRates } from "./rates.ts";
import { visitShop } from "./shopper.ts";
import { runTraffic } from "./traffic.ts";
import { handleOrder } from "./warehouse.ts";

function number(
  variable: string,
  limits: { readonly min: number; readonly max: number },
): Setting<number> {
  const { min, max } = limits;
  return {
    variable,
    secret: false,
    parse(text) {
      const value = Number(text);
      if (text.trim() === "" || !(value >= min && value <= max)) {
        throw new Error(`it must be a number from ${min} to ${max}.`);
      }
      return value;
    },
  };
}

function readTrafficSettings(environment: Environment) {
  return readSettings(environment, {
    shopUrl: httpAddress("SHOP_STOREFRONT_URL"),
    ordersUrl: optional(httpAddress("SHOP_ORDERS_URL")),
    token: optional(token("SHOP_TOKEN_STOREFRONT")),
    /** Visits that begin per second. */
    rate: withDefault(number("SHOP_TRAFFIC_RATE", { min: 0, max: 1_000 }), 0.05),
    seed: withDefault(wholeNumber("SHOP_TRAFFIC_SEED", { max: 2 ** 31 - 1 }), 1),
    /** Times between two steps, relative to the sample's. */
    pace: withDefault(number("SHOP_TRAFFIC_PACE", { min: 0, max: 100 }), 1),
    buyers: optional(number("SHOP_TRAFFIC_BUYERS", { min: 0, max: 1 })),
    concurrency: withDefault(wholeNumber("SHOP_TRAFFIC_CONCURRENCY", { min: 1, max: 10_000 }), 50),
  });
}

export async function startTraffic(context: ServiceContext): Promise<RunningService> {
  const { logger } = context;
  const settings = readTrafficSettings(context.environment);
  const rates = await readRates();
  const stop = new AbortController();
  const signal = AbortSignal.any([stop.signal, context.signal]);
  await using resources = new AsyncDisposableStack();
  const scripts = resources.use(openScripts(context));
  const orders =
    settings.ordersUrl === undefined || settings.token === undefined
      ? undefined
      : createServiceClient({ service: "orders", url: settings.ordersUrl, token: settings.token });

  function visit(plan: Plan) {
    const pauseMs = () => settings.pace * 1_000 * logNormal(plan.random, rates.pauseSeconds, 0.7);
    const pause = async () => {
      await pauseFor(pauseMs(), signal);
      signal.throwIfAborted();
    };
    const browser = createBrowser({
      url: settings.shopUrl,
      language: plan.language,
      signal,
      onPage: (page) => scripts.run(page),
    });
    return visitShop({
      plan,
      browser,
      pause,
      async afterOrder(orderId) {
        if (orders === undefined) return;
        const returns = plan.outcome === "returns";
        await handleOrder(orders, orderId, { returns, pause }).catch((error: unknown) => {
          if (!signal.aborted)
            logger.warn({ order: orderId, error: String(error) }, "an order was not handled");
        });
      },
    });
  }

  const running = runTraffic({
    ...settings,
    ...{ rates, visit, logger, signal },
    now: () => performance.now(),
    pause: (ms) => pauseFor(ms, signal),
  });
  resources.defer(async () => {
    stop.abort(new Error("the traffic is stopping"));
    await running;
  });
  return runningService({ name: "traffic", url: "" }, resources);
}

/** Does what the script of a page does: it sends the events that the page contains, with the page's key. */
function openScripts({ logger }: Pick<ServiceContext, "logger">) {
  let weir: { readonly url: string; readonly key: string; readonly client: Weir } | undefined;
  return {
    run({ data }: Page): void {
      if (data.weir === undefined || data.events.length === 0) return;
      const { url, key } = data.weir;
      if (weir?.url !== url || weir.key !== key) {
        // the shop was given another key: events that wait go out with the old one
        void weir?.client[Symbol.asyncDispose]();
        weir = { url, key, client: openWeir({ url, key, logger, flushMs: 1_000 }) };
      }
      for (const event of data.events) weir.client.track(event as Parameters<Weir["track"]>[0]);
    },
    async [Symbol.asyncDispose]() {
      await weir?.client[Symbol.asyncDispose]();
    },
  };
}

/** Resolves early when the signal aborts. */
async function pauseFor(ms: number, signal: AbortSignal): Promise<void> {
  await delay(ms, undefined, { signal }).catch(() => {});
}
