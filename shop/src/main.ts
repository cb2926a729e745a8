/** `main.ts products[,orders…]`: runs services of the shop in one process; see docs/shop/foundation.md. */
import { createLogger, type Logger, logLevel } from "./foundation/logger.ts";
import { followParent } from "./foundation/parent-channel.ts";
import type { RunningService, ServiceContext } from "./foundation/running-service.ts";
import { environmentOf } from "./foundation/service-environment.ts";
import { readSettings, SettingsError, wholeNumber, withDefault } from "./foundation/settings.ts";

type Start = (context: ServiceContext) => Promise<RunningService>;

/** One line for each service. */
const services: Readonly<Record<string, () => Promise<Start>>> = {
  notifications: async () =>
    (await import("./notifications/start-notifications.ts")).startNotifications,
  orders: async () => (await import("./orders/start-orders.ts")).startOrders,
  products: async () => (await import("./products/start-products.ts")).startProducts,
  storefront: async () => (await import("./storefront/start-storefront.ts")).startStorefront,
  bus: async () => (await import("./bus/start-bus.ts")).startBus,
  traffic: async () => (await import("./traffic/start-traffic.ts")).startTraffic,
};

const names = (process.argv[2] ?? "").split(",").filter((name) => name !== "");
const unknown = names.filter((name) => !Object.hasOwn(services, name));
if (names.length === 0 || unknown.length > 0) {
  const what = unknown.length > 0 ? `unknown service ${unknown.join(", ")}` : "no service named";
  console.error(`${what}. Usage: node shop/src/main.ts ${Object.keys(services).join(",")}`);
  process.exit(2);
}

const stop = new AbortController();
const settings = readOrExit();
const log = createLogger(names.join(","), settings.level);
const running: RunningService[] = [];
for (const name of ["SIGTERM", "SIGINT"] as const) process.on(name, () => void end(0));
followParent(() => {
  if (!stop.signal.aborted) void end(0);
});
process.on("uncaughtException", (error) => {
  log.fatal({ error: error.stack }, "an error nothing handles");
  void end(1);
});

try {
  for (const name of names) running.push(await startOne(name, log));
} catch (error) {
  if (!stop.signal.aborted) {
    const expected = error instanceof SettingsError;
    console.error(error instanceof Error ? (expected ? error.message : error.stack) : error);
    await end(1);
  }
}

async function startOne(name: string, logger: Logger): Promise<RunningService> {
  const start = await services[name]?.();
  if (start === undefined) throw new Error(`unknown service ${name}`);
  const ownLogger = names.length === 1 ? logger : createLogger(name, settings.level);
  const service = await start({
    environment: environmentOf(name, process.env),
    logger: ownLogger,
    signal: stop.signal,
  });
  process.stdout.write(`${JSON.stringify({ ready: name, url: service.url })}\n`);
  return service;
}

/** Closes the services, the last started first; a second signal or the limit ends the process at once. */
async function end(code: number): Promise<void> {
  if (stop.signal.aborted) process.exit(1);
  stop.abort(new Error("the process is stopping"));
  const limit = setTimeout(() => {
    log.error("stopping took longer than its limit");
    process.exit(1);
  }, settings.stopSeconds * 1_000);
  for (const service of running.toReversed()) {
    await service.close().catch((error: unknown) => {
      log.error({ service: service.name, error: String(error) }, "closing failed");
    });
  }
  clearTimeout(limit);
  process.exit(code);
}

function readOrExit(): { readonly level: string; readonly stopSeconds: number } {
  try {
    return readSettings(process.env, {
      level: logLevel,
      stopSeconds: withDefault(wholeNumber("SHOP_STOP_SECONDS", { min: 1, max: 600 }), 20),
    });
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    process.exit(2);
  }
}
