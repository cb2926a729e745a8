import pg from "pg";
import type { Logger } from "../../foundation/logger.ts";
import { reasonOf } from "../handling.ts";
import { createWakeUp } from "../wake-up.ts";

export interface Listener {
  /** Calls `wake` when a message for the queue was committed. Returns the removal. */
  subscribe(queue: string, wake: () => void): () => void;
  close(): Promise<void>;
}

export interface ListenerOptions {
  readonly url: string;
  readonly applicationName: string;
  readonly logger: Logger;
}

const reconnectMs = 1_000;

/**
 * One connection that listens for all consumers of the process, and connects again when it breaks. It only
 * saves time: without it consumers poll.
 */
export function listen({ url, applicationName, logger }: ListenerOptions): Listener {
  const subscriptions = new Map<() => void, string>();
  const stop = createWakeUp();
  let isClosed = false;
  let current: pg.Client | undefined;

  async function connectOnce(): Promise<void> {
    const client = new pg.Client({
      connectionString: url,
      application_name: `${applicationName} listen`,
      connectionTimeoutMillis: 3_000,
      query_timeout: 5_000,
      keepAlive: true,
    });
    current = client;
    const broken = new Promise<void>((resolve) => {
      client.on("error", () => resolve());
      client.on("end", () => resolve());
    });
    client.on("notification", ({ payload }) => {
      for (const [wake, queue] of subscriptions) if (queue === payload) wake();
    });
    try {
      await client.connect();
      await client.query("listen bus");
      // what was published while nothing listened
      for (const wake of subscriptions.keys()) wake();
      if (!isClosed) await broken;
    } finally {
      await client.end().catch(() => {});
    }
  }

  async function keepConnected(): Promise<void> {
    while (!isClosed) {
      try {
        await connectOnce();
      } catch (error) {
        logger.debug(
          { reason: reasonOf(error) },
          "the bus is polled: its listening connection failed",
        );
      }
      if (!isClosed) await stop.wait(reconnectMs);
    }
  }
  const running = keepConnected();

  return {
    subscribe(queue, wake) {
      subscriptions.set(wake, queue);
      return () => subscriptions.delete(wake);
    },
    async close() {
      isClosed = true;
      stop.wake();
      await current?.end().catch(() => {});
      await running;
    },
  };
}
