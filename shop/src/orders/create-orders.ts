/** The order service without its process: what it needs of others comes in. */
import type { Database } from "../foundation/database.ts";
import type { HealthCheck } from "../foundation/health.ts";
import { createApp, listen } from "../foundation/http-app.ts";
import type { Logger } from "../foundation/logger.ts";
import { type RunningService, runningService } from "../foundation/running-service.ts";
import { requireCaller } from "../foundation/tokens.ts";
import type { WeirDelivery, WeirEvent } from "../foundation/weir-delivery.ts";
import { createCheckouts } from "./checkout/checkouts.ts";
import { createTakeStep } from "./checkout/take-step.ts";
import { cleanUp } from "./clean-up.ts";
import type { OrderMessage, UndoWork } from "./order-messages.ts";
import { type OutboxDestination, startOutbox } from "./outbox/outbox.ts";
import type { Send } from "./outbox/publisher.ts";
import { repeat } from "./outbox/repeat.ts";
import type { Payments } from "./payments.ts";
import type { Products } from "./products.ts";
import { mountCarts } from "./routes/mount-carts.ts";
import { mountCheckouts } from "./routes/mount-checkouts.ts";
import { mountOrders } from "./routes/mount-orders.ts";
import { mountReplay } from "./routes/mount-replay.ts";
import type { OrderSettings } from "./settings.ts";

export interface OrdersPorts {
  readonly database: Database;
  readonly products: Products;
  readonly payments: Payments;
  /** Resolves when all messages are confirmed. */
  readonly publish: (messages: readonly OrderMessage[]) => Promise<void>;
  readonly sendToWeir: WeirDelivery["send"];
  readonly busHealth: () => Promise<unknown>;
  readonly logger: Logger;
  readonly now: () => Date;
  readonly random: () => number;
}

const cleanUpEveryMs = 60_000;
/** Above all limits of a checkout together: two attempts of two calls, and the payment. */
const handlerGraceMs = 5_000;

/** Starts listening, publishing and recovering; `close` ends them in reverse. */
export async function createOrders(
  ports: OrdersPorts,
  settings: Omit<OrderSettings, "databaseUrl" | "weirUrl" | "weirKey">,
): Promise<RunningService> {
  const { database, logger, now } = ports;
  await using resources = new AsyncDisposableStack();
  const outbox = resources.use(
    startOutbox({ ...ports, destinations: destinationsOf(ports), everyMs: settings.outboxMs }),
  );
  const checkouts = createCheckouts({
    ...settings,
    database,
    logger,
    takeStep: createTakeStep(ports, settings),
    onStep: outbox.wake,
  });
  resources.defer(() => checkouts.settled());
  const onError = (error: unknown): void => {
    logger.warn({ reason: String(error) }, "background work failed; it is repeated");
  };
  resources.use(
    repeat({
      work: async () => (await checkouts.recover()) > 0,
      everyMs: settings.recoveryMs,
      onError,
    }),
  );
  resources.use(
    repeat({ work: () => cleanUp(database, settings), everyMs: cleanUpEveryMs, onError }),
  );

  const app = createApp({
    logger,
    requestTimeoutMs: settings.requestTimeoutMs,
    checks: checksOf(ports, outbox.state),
  });
  await app.register(async (routes) => {
    routes.addHook(
      "onRequest",
      requireCaller({ storefront: settings.storefrontToken }, ["storefront"]),
    );
    mountCarts(routes, database);
    const handlerTimeoutMs =
      settings.waitMs + settings.paymentMs + 4 * settings.productsTimeoutMs + handlerGraceMs;
    mountCheckouts(routes, { checkouts, handlerTimeoutMs });
    mountOrders(routes, { database, now, onChange: outbox.wake });
  });
  const { notificationsToken } = settings;
  if (notificationsToken !== undefined) {
    const tokens = { storefront: settings.storefrontToken, notifications: notificationsToken };
    mountReplay(app, { database, tokens, onReplay: outbox.wake });
  }
  const listener = resources.use(await listen(app, settings));
  return runningService({ name: "orders", url: listener.url }, resources);
}

function destinationsOf(ports: OrdersPorts): readonly OutboxDestination[] {
  const { payments, products, publish, sendToWeir } = ports;
  return [
    {
      destination: "bus",
      async send(payloads) {
        await publish(payloads as readonly OrderMessage[]);
        return [];
      },
    },
    { destination: "weir", send: (payloads) => sendToWeir(payloads as readonly WeirEvent[]) },
    { destination: "payment", send: forEachOrder((id) => payments.refund(id)) },
    { destination: "products", send: forEachOrder((id) => products.release(id)) },
  ];
}

function forEachOrder(undo: (orderId: string) => Promise<void>): Send {
  return async (payloads) => {
    for (const payload of payloads) await undo((payload as UndoWork).order_id);
    return [];
  };
}

/** Only the database is required: without any other system the service takes orders or says 503 by itself. */
function checksOf(
  { database, busHealth }: OrdersPorts,
  outboxState: () => Promise<unknown>,
): Readonly<Record<string, HealthCheck>> {
  return {
    database: { required: true, run: () => database.query("select 1") },
    bus: { required: false, run: busHealth },
    outbox: { required: false, run: outboxState },
  };
}
