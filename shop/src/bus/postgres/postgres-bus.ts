import { type Database, openDatabase } from "../../foundation/database.ts";
import { DatabaseUnavailableError } from "../../foundation/database-failures.ts";
import type { Logger } from "../../foundation/logger.ts";
import { type Bus, BusError, type Consumer } from "../bus.ts";
import { reasonOf } from "../handling.ts";
import { consumeFromPostgres } from "./consumer.ts";
import { postgresDeadLetters } from "./dead-letters.ts";
import { listen } from "./listener.ts";

export interface PostgresBusOptions {
  /** The database `shop_bus`, as a role that `bus.allow_publisher` or `bus.allow_consumer` knows. */
  readonly url: string;
  /** Shown in `pg_stat_activity`. */
  readonly applicationName: string;
  readonly logger: Logger;
  /** After this time without a sign of its consumer, a message is delivered again; default 30 s. */
  readonly leaseMs?: number;
  /** How long a consumer waits at most when no notification arrives; default 1 s. */
  readonly pollMs?: number;
  /** How long `close` waits for handlers; default 10 s. */
  readonly drainMs?: number;
  /** For each call, `publish` included; default 5 s. */
  readonly timeoutMs?: number;
}

/** The bus on PostgreSQL: `shop/sql/bus`. Connects at first use. */
export function openPostgresBus(options: PostgresBusOptions): Bus {
  const { url, applicationName, logger } = options;
  const leaseMs = options.leaseMs ?? 30_000;
  const pollMs = options.pollMs ?? 1_000;
  const drainMs = options.drainMs ?? 10_000;
  const database = openDatabase({
    url,
    applicationName,
    logger,
    connections: 4,
    statementTimeoutMs: options.timeoutMs ?? 5_000,
  });
  const consumers = new Set<Consumer>();
  let listener: ReturnType<typeof listen> | undefined;
  let closing: Promise<void> | undefined;

  async function close(): Promise<void> {
    await Promise.all([...consumers].map((consumer) => consumer.close()));
    await listener?.close();
    await database.close();
  }

  return {
    async publish(messages) {
      if (closing !== undefined) throw new BusError("closed", "the bus is closed");
      if (messages.length > 0) await publish(database, JSON.stringify(messages));
    },
    consume(wanted) {
      if (closing !== undefined) throw new BusError("closed", "the bus is closed");
      listener ??= listen({ url, applicationName, logger });
      const timing = { leaseMs, pollMs, drainMs };
      const consumer = consumeFromPostgres(wanted, { database, listener, timing });
      consumers.add(consumer);
      return consumer;
    },
    deadLetters: (queue) => postgresDeadLetters(database, queue),
    async health() {
      try {
        await database.query("select 1");
        return { driver: "postgres", ok: true };
      } catch (error) {
        return { driver: "postgres", ok: false, reason: reasonOf(error) };
      }
    },
    close() {
      closing ??= close();
      return closing;
    },
  };
}

async function publish(database: Database, messages: string): Promise<void> {
  try {
    await database.query("select bus.publish($1)", [messages]);
  } catch (error) {
    const code = (error as { code?: string }).code;
    const message = reasonOf(error);
    if (code === "WB001") throw new BusError("unroutable", message, { cause: error });
    if (error instanceof DatabaseUnavailableError) {
      throw new BusError("unavailable", message, { cause: error });
    }
    throw error;
  }
}
