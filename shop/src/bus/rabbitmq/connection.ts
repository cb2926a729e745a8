import { type Channel, Connection } from "rabbitmq-client";
import type { Logger } from "../../foundation/logger.ts";
import { BusError } from "../bus.ts";
import { reasonOf, within } from "../handling.ts";

export interface BrokerOptions {
  readonly url: string;
  /** Shown in RabbitMQ's list of connections. */
  readonly name: string;
  readonly logger: Logger;
  /** For each answer of the broker. */
  readonly timeoutMs: number;
}

export interface Broker {
  /** Set while the broker refuses messages (its disk or memory alarm), with its reason. */
  readonly blockedBecause: string | undefined;
  /** Why it is not connected; undefined when it is. */
  readonly downBecause: string | undefined;
  /** @throws BusError `unavailable` */
  openChannel(): Promise<Channel>;
  /** Rejects with a BusError `timed_out` when the broker does not answer in time. */
  limited<T>(call: Promise<T>, what: string): Promise<T>;
  /** Resolves at the next change of `blockedBecause` or of the connection, or after `ms`. */
  changed(ms: number): Promise<void>;
  close(): Promise<void>;
}

/** A broker that hangs is noticed after twice this time, and the connection replaced. */
const heartbeatSeconds = 5;

/** One connection, which the library opens again whenever it breaks. */
export function connectBroker({ url, name, logger, timeoutMs }: BrokerOptions): Broker {
  const connection = new Connection({
    url,
    connectionName: name,
    heartbeat: heartbeatSeconds,
    acquireTimeout: timeoutMs,
    connectionTimeout: timeoutMs,
    retryLow: 200,
    retryHigh: 3_000,
  });
  let blockedBecause: string | undefined;
  let downBecause: string | undefined = "not connected yet";
  const waiting = new Set<() => void>();
  const announce = (): void => {
    for (const wake of waiting) wake();
  };
  connection.on("error", (error) => {
    downBecause = reasonOf(error);
    // of the connection that broke
    blockedBecause = undefined;
    logger.warn({ reason: downBecause }, "the connection to RabbitMQ broke");
    announce();
  });
  connection.on("connection", () => {
    downBecause = undefined;
    blockedBecause = undefined;
    announce();
  });
  connection.on("connection.blocked", (reason) => {
    blockedBecause = String(reason);
    logger.warn({ reason }, "RabbitMQ refuses messages");
    announce();
  });
  connection.on("connection.unblocked", () => {
    blockedBecause = undefined;
    logger.info("RabbitMQ accepts messages again");
    announce();
  });

  async function limited<T>(call: Promise<T>, what: string): Promise<T> {
    const settled = call.then(
      (value) => ({ value }),
      (error: unknown) => ({ error }),
    );
    const result = await within(settled, timeoutMs);
    if (result === undefined) {
      throw new BusError("timed_out", `RabbitMQ did not answer within ${timeoutMs} ms: ${what}`);
    }
    if ("error" in result) throw result.error;
    return result.value;
  }

  return {
    get blockedBecause() {
      return blockedBecause;
    },
    get downBecause() {
      return downBecause;
    },
    limited,
    async openChannel() {
      try {
        return await limited(connection.acquire(), "open a channel");
      } catch (error) {
        const reason = downBecause ?? reasonOf(error);
        throw new BusError("unavailable", `RabbitMQ is down: ${reason}`, { cause: error });
      }
    },
    async changed(ms) {
      let wake = (): void => {};
      const change = new Promise<void>((resolve) => {
        wake = resolve;
      });
      waiting.add(wake);
      await within(change, ms);
      waiting.delete(wake);
    },
    async close() {
      const closed = await within(
        connection.close().then(() => true),
        2_000,
      );
      if (closed !== true) connection.unsafeDestroy();
    },
  };
}
