/** Sends the messages of the outbox to one destination, at least once and in the order of each order. */
import type { Database, Queryable } from "../../foundation/database.ts";
import type { Logger } from "../../foundation/logger.ts";
import type { Destination } from "../order-messages.ts";
import { markFailed, markSent, type OutboxRow, postpone, takeDue } from "./outbox-store.ts";

/**
 * Resolves when the receiver has everything, except what it refuses for good. Rejects when it is unknown what
 * arrived: then all are sent again.
 */
export type Send = (payloads: readonly unknown[]) => Promise<readonly Refusal[]>;

export interface Refusal {
  /** Of the payload. */
  readonly index: number;
  readonly reason: string;
}

export interface PublisherOptions {
  readonly database: Database;
  readonly destination: Destination;
  readonly send: Send;
  readonly logger: Logger;
  /** At most so many messages at a time. */
  readonly batch: number;
  readonly random: () => number;
}

export interface Publisher {
  /**
   * Sends one batch; returns whether more may be due. It holds its rows locked meanwhile, so a publisher that
   * dies leaves them to the next one.
   */
  publishBatch(): Promise<"more" | "empty" | "failed">;
}

const shortestPauseMs = 200;
const longestPauseMs = 30_000;

export function createPublisher(options: PublisherOptions): Publisher {
  const { database, destination, logger } = options;
  /** Halved after a failure, so that one message that cannot be sent ends up alone and holds no other up. */
  let limit = options.batch;

  async function attempt(connection: Queryable, rows: readonly OutboxRow[]): Promise<boolean> {
    let refusals: readonly Refusal[];
    try {
      refusals = await options.send(rows.map(({ payload }) => payload));
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      limit = Math.max(1, Math.floor(rows.length / 2));
      const later = rows.map(({ id, attempts }) => ({ id, pauseMs: pause(attempts) }));
      await postpone(connection, { rows: later, error: reason });
      logger.warn({ destination, messages: rows.length, reason }, "messages could not be sent");
      return false;
    }
    limit = Math.min(options.batch, limit * 2);
    const refused = new Map(refusals.map(({ index, reason }) => [index, reason]));
    const sent = rows.filter((_, index) => !refused.has(index));
    await markSent(
      connection,
      sent.map(({ id }) => id),
    );
    for (const [index, reason] of refused) {
      const row = rows[index];
      if (row === undefined) continue;
      const { id, orderId: order_id } = row;
      logger.error({ destination, order_id, reason }, "a message was refused for good");
      await markFailed(connection, { id, error: reason });
    }
    return true;
  }

  function pause(attempts: number): number {
    const longest = Math.min(longestPauseMs, shortestPauseMs * 2 ** Math.min(attempts, 20));
    return longest * (0.5 + 0.5 * options.random());
  }

  return {
    async publishBatch() {
      return database.transaction(async (connection) => {
        const rows = await takeDue(connection, { destination, limit });
        if (rows.length === 0) return "empty";
        return (await attempt(connection, rows)) ? "more" : "failed";
      });
    },
  };
}
