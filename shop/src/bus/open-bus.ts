import type { Logger } from "../foundation/logger.ts";
import { busDatabaseUrl, rabbitmqUrl } from "../foundation/service-settings.ts";
import {
  type Environment,
  readSettings,
  SettingsError,
  wholeNumber,
  withDefault,
} from "../foundation/settings.ts";
import type { Bus } from "./bus.ts";
import { openPostgresBus } from "./postgres/postgres-bus.ts";
import { openRabbitMqBus } from "./rabbitmq/rabbitmq-bus.ts";

const settings = {
  rabbitMqUrl: rabbitmqUrl,
  databaseUrl: busDatabaseUrl,
  /** PostgreSQL driver: after how long the messages of a dead consumer come back. */
  leaseMs: withDefault(wholeNumber("SHOP_BUS_LEASE_MS", { min: 100, max: 3_600_000 }), 30_000),
  /** How long a publish may take. */
  timeoutMs: withDefault(wholeNumber("SHOP_BUS_TIMEOUT_MS", { min: 100, max: 60_000 }), 5_000),
};

/** RabbitMQ with SHOP_RABBITMQ_URL, otherwise PostgreSQL with SHOP_BUS_DATABASE_URL. Connects by itself. */
export function openBus({
  environment,
  applicationName,
  logger,
}: {
  readonly environment: Environment;
  /** Shown by the broker. */
  readonly applicationName: string;
  readonly logger: Logger;
}): Bus {
  const { rabbitMqUrl, databaseUrl, leaseMs, timeoutMs } = readSettings(environment, settings);
  if (rabbitMqUrl !== undefined) {
    return openRabbitMqBus({ url: rabbitMqUrl, applicationName, logger, timeoutMs });
  }
  if (databaseUrl !== undefined) {
    return openPostgresBus({ url: databaseUrl, applicationName, logger, leaseMs, timeoutMs });
  }
  throw new SettingsError([
    "SHOP_BUS_DATABASE_URL is missing. Set it to the database of the bus, or SHOP_RABBITMQ_URL to use RabbitMQ.",
  ]);
}
