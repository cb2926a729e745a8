import type { Bus, Consumer } from "../bus/bus.ts";
import { openBus } from "../bus/open-bus.ts";
import { type Database, openDatabase } from "../foundation/database.ts";
import type { HealthCheck } from "../foundation/health.ts";
import { createApp, listen } from "../foundation/http-app.ts";
import { migrate, sqlFolder } from "../foundation/migrate.ts";
import {
  type RunningService,
  runningService,
  type ServiceContext,
} from "../foundation/running-service.ts";
import { createServiceClient, type ServiceClient } from "../foundation/service-client.ts";
import type { CallerTokens } from "../foundation/tokens.ts";
import { openWeir } from "../foundation/weir.ts";
import { type CatchUp, startCatchUp } from "./catch-up.ts";
import { openChannels } from "./channels/open-channels.ts";
import { createDeliver, type Deliver } from "./deliver.ts";
import { consumedTypes } from "./kinds.ts";
import { readPreference } from "./preferences.ts";
import { mountDeadLetters } from "./routes/mount-dead-letters.ts";
import { mountMessages } from "./routes/mount-messages.ts";
import { mountNotifications } from "./routes/mount-notifications.ts";
import { mountPreferences } from "./routes/mount-preferences.ts";
import { type NotificationSettings, readNotificationSettings } from "./settings.ts";
import { createStore } from "./store.ts";

/** The service's queue. */
const queue = "shop.notifications";
const catchUpMs = 2_000;

/** Migrates its database, consumes order messages, and serves what it has sent. */
export async function startNotifications(context: ServiceContext): Promise<RunningService> {
  const { environment, logger, signal } = context;
  const settings = readNotificationSettings(environment);
  await using resources = new AsyncDisposableStack();
  await migrate({ url: settings.databaseUrl, folder: sqlFolder("notifications"), logger, signal });
  const database = resources.use(
    openDatabase({
      url: settings.databaseUrl,
      applicationName: "shop notifications",
      logger,
      // a notification that is being sent holds one and uses another
      connections: Math.max(settings.connections, 2 * settings.prefetch + 2),
      statementTimeoutMs: settings.statementTimeoutMs,
    }),
  );
  const { weirUrl: url, weirKey: key } = settings;
  const weir = resources.use(openWeir({ url, key, logger }));
  const channels = openChannels(settings, logger);
  resources.defer(async () => {
    for (const channel of channels.values()) await channel.close();
  });
  const bus = resources.adopt(
    openBus({ environment, applicationName: "shop notifications", logger }),
    (opened) => opened.close(),
  );
  const deliver = createDeliver({
    store: createStore(database),
    preferenceOf: (userId) => readPreference(database, userId),
    channels,
    defaultChannels: settings.channels,
    presentation: { timeZone: settings.timeZone, storefrontUrl: settings.storefrontUrl },
    weir,
    logger,
  });
  let consumer: Consumer | undefined;
  const catchUp = resources.adopt(
    startCatchUp({
      database,
      orders: ordersClient(settings),
      isReceiving: () => consumer?.state === "consuming",
      logger,
      everyMs: catchUpMs,
    }),
    (started) => started.close(),
  );
  consumer = resources.adopt(consume({ bus, settings, deliver, catchUp, context }), (started) =>
    started.close(),
  );
  const app = createApp({
    logger,
    requestTimeoutMs: settings.requestTimeoutMs,
    checks: checks({ database, bus, catchUp }),
  });
  const tokens = callers(settings);
  mountNotifications(app, database, tokens);
  mountPreferences(app, database, tokens);
  mountMessages(app, { tokens, bus, deliver, logger });
  mountDeadLetters(app, bus.deadLetters(queue), tokens);
  const listener = resources.use(await listen(app, settings));
  return runningService({ name: "notifications", url: listener.url }, resources);
}

function consume({
  bus,
  settings,
  deliver,
  catchUp,
  context: { logger },
}: {
  readonly bus: Bus;
  readonly settings: NotificationSettings;
  readonly deliver: Deliver;
  readonly catchUp: CatchUp;
  readonly context: ServiceContext;
}): Consumer {
  return bus.consume({
    queue,
    types: consumedTypes,
    prefetch: settings.prefetch,
    deliveryLimit: settings.deliveryLimit,
    retryDelaysMs: settings.retryDelaysMs,
    handle: deliver,
    missing: () => catchUp.note(),
    onError: (error) => logger.warn({ reason: error.message }, "the bus"),
  });
}

/** Without its bus the service still answers, and sends sign-in links. */
function checks({
  database,
  bus,
  catchUp,
}: {
  readonly database: Database;
  readonly bus: Bus;
  readonly catchUp: CatchUp;
}): Readonly<Record<string, HealthCheck>> {
  return {
    database: { required: true, run: () => database.query("select 1") },
    bus: {
      required: false,
      async run() {
        const { ok, reason } = await bus.health();
        if (!ok) throw new Error(reason);
      },
    },
    catch_up: { required: false, run: () => catchUp.state() },
  };
}

function callers({ storefrontToken, adminToken }: NotificationSettings): CallerTokens {
  return {
    storefront: storefrontToken,
    ...(adminToken === undefined ? {} : { admin: adminToken }),
  };
}

function ordersClient({ ordersUrl, ordersToken }: NotificationSettings): ServiceClient | undefined {
  if (ordersUrl === undefined || ordersToken === undefined) return undefined;
  return createServiceClient({
    service: "orders",
    url: ordersUrl,
    token: ordersToken,
    timeoutMs: 10_000,
  });
}
