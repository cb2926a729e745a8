import { createWakeUp } from "../bus/wake-up.ts";
import type { Database } from "../foundation/database.ts";
import type { Logger } from "../foundation/logger.ts";
import type { ServiceClient } from "../foundation/service-client.ts";

export interface CatchUp {
  /** Notes that messages may be lost; resolves when that is committed. */
  note(): Promise<void>;
  /** Rejects with the reason while a noted loss is not made up for. */
  state(): Promise<void>;
  close(): Promise<void>;
}

export interface CatchUpOptions {
  readonly database: Database;
  /** Undefined: nothing can be asked to send messages again. */
  readonly orders: ServiceClient | undefined;
  /** Whether the queue is there again: messages that are sent before would be lost too. */
  readonly isReceiving: () => boolean;
  readonly logger: Logger;
  /** How often an open loss is tried. */
  readonly everyMs: number;
}

/** As long as orders keeps its messages. */
const reachMs = 7 * 24 * 3_600_000;

/**
 * What a deleted queue held is lost in the broker, which has copies only. The order service still has its
 * messages, and sends them again with the same ids: those that were handled are recognised.
 */
export function startCatchUp(options: CatchUpOptions): CatchUp {
  const { database, orders, isReceiving, logger, everyMs } = options;
  const wakeUp = createWakeUp();
  const stop = new AbortController();

  async function attempt(): Promise<void> {
    const [open] = await database.query<{ id: string; noted_at: Date }>(
      "select id, noted_at from catch_up where done_at is null order by id limit 1",
    );
    if (open === undefined || !isReceiving()) return;
    try {
      if (orders === undefined)
        throw new Error("SHOP_ORDERS_URL or SHOP_TOKEN_NOTIFICATIONS is missing");
      const since = new Date(open.noted_at.getTime() - reachMs).toISOString();
      const { body } = await orders.request({
        method: "POST",
        path: "/events/replay",
        body: { since },
        idempotent: true,
        signal: stop.signal,
      });
      // one replay makes up for all that were noted before
      await database.query(
        "update catch_up set done_at = clock_timestamp(), reason = null where done_at is null and id <= $1",
        [open.id],
      );
      logger.info({ since, answer: body }, "orders sends its messages again: the queue was lost");
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      logger.warn({ reason }, "orders could not be asked to send its messages again");
      await database.query(
        "update catch_up set attempts = attempts + 1, reason = $2 where id = $1",
        [open.id, reason],
      );
    }
  }

  async function run(): Promise<void> {
    while (!stop.signal.aborted) {
      await attempt().catch((error: unknown) => {
        logger.warn({ reason: String(error) }, "the catch-up could not be read");
      });
      if (!stop.signal.aborted) await wakeUp.wait(everyMs);
    }
  }
  const running = run();

  return {
    async note() {
      await database.query("insert into catch_up default values");
      wakeUp.wake();
    },
    async state() {
      const [open] = await database.query<{ reason: string | null }>(
        "select reason from catch_up where done_at is null order by id limit 1",
      );
      if (open !== undefined) {
        throw new Error(`messages are missing: ${open.reason ?? "orders was not asked yet"}`);
      }
    },
    async close() {
      stop.abort(new Error("the service is stopping"));
      wakeUp.wake();
      await running;
    },
  };
}
