import type { Database } from "../../../src/core/ports/database.ts";
import { appendEvents } from "./append-events.ts";
import type { LedgerEvent } from "./window-oracle.ts";

export interface OpenTransaction {
  readonly events: readonly LedgerEvent[];
  /** Resolves when the events are written and not yet visible to others. */
  readonly written: Promise<void>;
  /** Resolves when the transaction has ended. */
  readonly done: Promise<void>;
  commit(): void;
  rollBack(): void;
}

/** Appends events in a transaction that stays open until `commit` or `rollBack` is called. */
export function holdOpen(ingest: Database, events: readonly LedgerEvent[]): OpenTransaction {
  const written = Promise.withResolvers<void>();
  const ended = Promise.withResolvers<void>();
  const done = ingest
    .transaction(async (connection) => {
      // the role's own limit would end it after 10 s
      await connection.query({ text: "set local transaction_timeout = 0" });
      await appendEvents(connection, events);
      written.resolve();
      await ended.promise;
    })
    .catch((error: unknown) => {
      written.reject(error);
      if (!(error instanceof RolledBack)) throw error;
    });
  return {
    events,
    written: written.promise,
    done,
    commit: () => ended.resolve(),
    rollBack: () => ended.reject(new RolledBack()),
  };
}

class RolledBack extends Error {}
