import type { Queryable } from "../../core/ports/database.ts";

/** A user as a reader of the log knows it, from a position of the log on. */
export interface LaterEvents {
  readonly userKey: string;
  /** A `pg_snapshot` as text: events that it shows are left out. */
  readonly after: string;
  /** As PostgreSQL writes it: none of the others was received earlier. */
  readonly since: string;
  /** `service/event` of those that are dead letters. */
  readonly dead: readonly string[];
}

/** What the stream knows of a user. */
export interface UserHistory {
  /**
   * Writes the user's interests again, from the later events that the stream has processed. Part of a transaction
   * that holds the lock of all writers of points exclusively and has deleted the user.
   */
  restore(connection: Queryable, later: LaterEvents): Promise<void>;
}
