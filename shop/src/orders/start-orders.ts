import type { Bus } from "../bus/bus.ts";
import { openBus } from "../bus/open-bus.ts";
import { openDatabase } from "../foundation/database.ts";
import { migrate, sqlFolder } from "../foundation/migrate.ts";
import type { RunningService, ServiceContext } from "../foundation/running-service.ts";
import { createServiceClient } from "../foundation/service-client.ts";
import { openWeirDelivery, type WeirDelivery } from "../foundation/weir-delivery.ts";
import { createOrders } from "./create-orders.ts";
import { createSimulatedPayments } from "./payments.ts";
import { createProducts } from "./products.ts";
import { type OrderSettings, readOrderSettings } from "./settings.ts";

/** For a batch of events. */
const weirTimeoutMs = 5_000;

/** Migrates its database and starts the order service. */
export async function startOrders(context: ServiceContext): Promise<RunningService> {
  const { environment, logger, signal } = context;
  const settings = readOrderSettings(environment);
  await migrate({ url: settings.databaseUrl, folder: sqlFolder("orders"), logger, signal });
  await using resources = new AsyncDisposableStack();
  const database = resources.use(
    openDatabase({
      url: settings.databaseUrl,
      applicationName: "shop orders",
      logger,
      connections: settings.connections,
      statementTimeoutMs: settings.statementTimeoutMs,
    }),
  );
  const bus = resources.adopt(
    openBus({ environment, applicationName: "shop orders", logger }),
    (opened) => opened.close(),
  );
  const client = createServiceClient({
    service: "products",
    url: settings.productsUrl,
    token: settings.productsToken,
    timeoutMs: settings.productsTimeoutMs,
  });
  const service = await createOrders(
    {
      database,
      products: createProducts(client),
      payments: createSimulatedPayments(database),
      publish: (messages) => bus.publish(messages),
      sendToWeir: weirSend(settings, { resources, context }),
      busHealth: () => busHealth(bus),
      logger,
      now: () => new Date(),
      random: Math.random,
    },
    settings,
  );
  const kept = resources.move();
  kept.defer(() => service.close());
  return { ...service, close: () => kept.disposeAsync() };
}

function weirSend(
  { weirUrl, weirKey }: OrderSettings,
  about: { readonly resources: AsyncDisposableStack; readonly context: ServiceContext },
): WeirDelivery["send"] {
  if (weirUrl === undefined || weirKey === undefined) {
    about.context.logger.info("no address or key of Weir: events are not sent");
    return async () => [];
  }
  const options = { url: weirUrl, key: weirKey, timeoutMs: weirTimeoutMs };
  return about.resources.use(openWeirDelivery(options)).send;
}

async function busHealth(bus: Bus): Promise<void> {
  const { ok, reason } = await bus.health();
  if (!ok) throw new Error(reason ?? "the bus is down");
}
