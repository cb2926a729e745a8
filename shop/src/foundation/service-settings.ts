import {
  databaseAddress,
  httpAddress,
  optional,
  type Setting,
  secretAddress,
  text,
  wholeNumber,
  withDefault,
} from "./settings.ts";

/** Settings that every service with HTTP has; `name` is `PRODUCTS`. */
export function listenerSettings(name: string): {
  readonly host: Setting<string>;
  readonly port: Setting<number>;
  readonly requestTimeoutMs: Setting<number>;
} {
  return {
    host: withDefault(text("SHOP_HOST"), "127.0.0.1"),
    port: withDefault(wholeNumber(`SHOP_${name}_PORT`, { max: 65_535 }), 0),
    requestTimeoutMs: withDefault(
      wholeNumber("SHOP_REQUEST_TIMEOUT_MS", { min: 100, max: 600_000 }),
      15_000,
    ),
  };
}

/** Settings of a service with a database of its own. */
export function databaseSettings(name: string): {
  readonly databaseUrl: Setting<string>;
  readonly connections: Setting<number>;
  readonly connectTimeoutMs: Setting<number>;
  readonly statementTimeoutMs: Setting<number>;
} {
  return {
    databaseUrl: databaseAddress(`SHOP_${name}_DATABASE_URL`),
    connections: withDefault(wholeNumber(`SHOP_${name}_CONNECTIONS`, { min: 1, max: 100 }), 8),
    connectTimeoutMs: withDefault(
      wholeNumber("SHOP_CONNECT_TIMEOUT_MS", { min: 10, max: 600_000 }),
      3_000,
    ),
    statementTimeoutMs: withDefault(
      wholeNumber("SHOP_STATEMENT_TIMEOUT_MS", { min: 10, max: 600_000 }),
      5_000,
    ),
  };
}

/** Settings of a service that sends events to Weir; without them it sends none. */
export function weirSettings(name: string): {
  readonly weirUrl: Setting<string | undefined>;
  readonly weirKey: Setting<string | undefined>;
} {
  return {
    weirUrl: optional(httpAddress("SHOP_WEIR_URL")),
    weirKey: optional({ ...text(`SHOP_WEIR_KEY_${name}`), secret: true }),
  };
}

/** Absent: the embedded drivers, memory and PostgreSQL. */
export const redisUrl = optional(secretAddress("SHOP_REDIS_URL", ["redis:", "rediss:"]));
export const rabbitmqUrl = optional(secretAddress("SHOP_RABBITMQ_URL", ["amqp:", "amqps:"]));
export const busDatabaseUrl = optional(databaseAddress("SHOP_BUS_DATABASE_URL"));
