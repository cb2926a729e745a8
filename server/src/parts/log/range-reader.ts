/** A log reader that works alone: it reads the next range, and moves its position when it is done with it. */
import type { Database, Queryable } from "../../core/ports/database.ts";
import type { LogRange, StoredEvent } from "../../core/ports/log.ts";
import { registerReader } from "./readers.ts";
import { readRange } from "./stored-events.ts";

/** What `advance` needs besides the range: see log.next_page. */
export interface NextRange extends LogRange {
  readonly nextSince: string;
  readonly nextReadAt: string;
  /** The limit was reached: more may wait. */
  readonly more: boolean;
  /** The server's, in which the range was read; see log.incarnation. */
  readonly incarnation: string;
}

export interface RangeReader {
  register(from?: "oldest" | "now"): Promise<void>;
  /** May hold no event. Rejects with `DatabaseError` code WF002 when the reader is not registered. */
  next(maxEvents: number): Promise<NextRange>;
  read(
    range: LogRange,
    options: { readonly about: "all" | "products"; readonly signal: AbortSignal },
  ): AsyncIterable<readonly StoredEvent[]>;
  /**
   * Part of the transaction that writes what was made of the range; false when another process with this
   * reader's name has moved it meanwhile, or PostgreSQL has crashed: roll back, and read the next range.
   */
  advance(connection: Queryable, range: NextRange): Promise<boolean>;
}

export function createRangeReader(database: Database, name: string): RangeReader {
  return {
    register: async (from = "oldest") => {
      await registerReader(database, name, from);
    },
    async next(maxEvents) {
      const [range] = await database.query<NextRange>({
        name: "log_next",
        text: `select events, more, from_position::text as "from", to_position::text as "to", since::text,
                 next_since::text as "nextSince", next_read_at::text as "nextReadAt", log.incarnation() as incarnation
               from log.next_page($1, $2)`,
        values: [name, maxEvents],
      });
      return range as NextRange;
    },
    read: (range, options) => readRange(database, range, options),
    async advance(connection, range) {
      const [row] = await connection.query<{ moved: boolean }>({
        name: "log_advance",
        text: "select log.advance($1, $2, $3, $4, $5, $6) as moved where log.incarnation() = $7",
        values: [
          name,
          range.from,
          range.to,
          range.nextSince,
          range.nextReadAt,
          range.events,
          range.incarnation,
        ],
      });
      return row?.moved === true;
    },
  };
}
