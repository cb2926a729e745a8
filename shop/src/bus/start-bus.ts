import { openDatabase } from "../foundation/database.ts";
import { migrate, sqlFolder } from "../foundation/migrate.ts";
import type { RunningService, ServiceContext } from "../foundation/running-service.ts";
import { databaseAddress, readSettings } from "../foundation/settings.ts";

/** Who may do what: the roles of the services, not of the bus. */
const publishers = ["shop_orders"];
const consumers = [["shop_notifications", "shop.notifications"]];

/**
 * The service `bus`: prepares the database of the PostgreSQL driver as its owner, before the services that use it start. It
 * keeps no connection and listens nowhere. RabbitMQ needs no such preparation.
 */
export async function startBus({
  environment,
  logger,
  signal,
}: ServiceContext): Promise<RunningService> {
  const { url } = readSettings(environment, { url: databaseAddress("SHOP_BUS_OWNER_URL") });
  await migrate({ url, folder: sqlFolder("bus"), logger, signal });
  await using database = openDatabase({
    url,
    applicationName: "shop bus setup",
    logger,
    connections: 1,
  });
  for (const role of publishers) await database.query("select bus.allow_publisher($1)", [role]);
  for (const [role, queue] of consumers) {
    await database.query("select bus.allow_consumer($1, $2)", [role, queue]);
  }
  return { name: "bus", url: "", close: async () => {} };
}
