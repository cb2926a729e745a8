import type { Database } from "../../foundation/database.ts";
import type { Logger } from "../../foundation/logger.ts";
import type { Destination } from "../order-messages.ts";
import { outboxState } from "./outbox-store.ts";
import { createPublisher, type Send } from "./publisher.ts";
import { repeat } from "./repeat.ts";

export interface OutboxDestination {
  readonly destination: Destination;
  readonly send: Send;
}

export interface Outbox extends AsyncDisposable {
  /** Messages were written: they are sent at once. */
  readonly wake: () => void;
  /** Rejects with the reason when messages were refused for good, or have waited for long. */
  readonly state: () => Promise<void>;
}

export interface OutboxOptions {
  readonly database: Database;
  readonly destinations: readonly OutboxDestination[];
  readonly everyMs: number;
  readonly logger: Logger;
  readonly random: () => number;
}

const batch = 100;
/** A message that waits for longer is worth a look: its receiver has been down for so long. */
const lateSeconds = 60;

/** A publisher for each destination, so that one that is down does not delay the others. */
export function startOutbox(options: OutboxOptions): Outbox {
  const { database, everyMs, logger, random } = options;
  const repeated = options.destinations.map(({ destination, send }) => {
    const publisher = createPublisher({ database, destination, send, logger, batch, random });
    return repeat({
      work: async () => (await publisher.publishBatch()) === "more",
      everyMs,
      onError: (error) => logger.warn({ destination, reason: String(error) }, "the outbox waits"),
    });
  });
  return {
    wake() {
      for (const each of repeated) each.wake();
    },
    async state() {
      const problems = (await outboxState(database)).flatMap((found) => [
        ...(found.failed > 0
          ? [`${found.failed} messages were refused by ${found.destination}`]
          : []),
        ...(found.age_seconds > lateSeconds
          ? [`${found.waiting} messages wait for ${found.destination}`]
          : []),
      ]);
      if (problems.length > 0) throw new Error(problems.join("; "));
    },
    async [Symbol.asyncDispose]() {
      await Promise.all(repeated.map((each) => each[Symbol.asyncDispose]()));
    },
  };
}
