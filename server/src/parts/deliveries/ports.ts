import type { Database, Queryable } from "../../core/ports/database.ts";
import type { RangeReader } from "../../core/ports/log.ts";

/** Writes an entry of the audit log, in the transaction of the change. */
export type WriteAudit = (
  connection: Queryable,
  entry: {
    readonly actor: string;
    readonly action: string;
    readonly subject: string;
    readonly detail: Readonly<Record<string, unknown>>;
  },
) => Promise<void>;

/** The register of log readers; `parts/log/readers.ts` implements it. */
export interface ReaderRegister {
  /** Adds a reader that begins with what is committed from now on; one that is registered keeps its position. */
  register(connection: Queryable, name: string): Promise<void>;
  /** Adds a reader that begins with events received at or after an instant. */
  registerSince(connection: Queryable, name: string, since: Date): Promise<void>;
  /** Adds a reader at the position of another. */
  copy(connection: Queryable, from: string, to: string): Promise<void>;
  remove(connection: Queryable, name: string): Promise<void>;
}

/** A log reader by name. */
export type OpenReader = (name: string) => RangeReader;

/** Where a change is made, by whom, and how it is recorded. */
export interface Change {
  readonly database: Database;
  readonly actor: string;
  readonly audit: WriteAudit;
  readonly readers: ReaderRegister;
}

/** Of the subscriptions that are not behind. */
export const commonReader = "deliveries";

/** Of a subscription that is behind. */
export function ownReader(subscriptionId: string): string {
  return `${commonReader}:${subscriptionId}`;
}

/** Rings when a subscription was changed. */
export const channel = "weir_deliveries";
