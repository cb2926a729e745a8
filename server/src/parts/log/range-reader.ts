/** A log reader that works alone: it reads the next range, and moves its position when it is done with it. */
import type { Database } from "../../core/ports/database.ts";
import type { NextRange, RangeReader } from "../../core/ports/log.ts";
import { readLoggedRange } from "./logged-events.ts";
import { registerReader } from "./readers.ts";
import { readRange } from "./stored-events.ts";

const columns = `events, more, from_position::text as "from", to_position::text as "to", since::text,
  next_since::text as "nextSince", next_read_at::text as "nextReadAt", log.incarnation() as incarnation`;
const nextStatement = `select ${columns} from log.next_page($1, $2)`;
const nextAfterStatement = `select ${columns} from log.page_after($1::pg_snapshot, $2::timestamptz, $3::timestamptz, $4)`;

export function createRangeReader(database: Database, name: string): RangeReader {
  return {
    register: async (from = "oldest") => {
      await registerReader(database, name, from);
    },
    async next(maxEvents, after) {
      const [range] = await database.query<NextRange>(
        after === undefined
          ? { name: "log_next", text: nextStatement, values: [name, maxEvents] }
          : {
              name: "log_next_after",
              text: nextAfterStatement,
              values: [after.to, after.nextSince, after.nextReadAt, maxEvents],
            },
      );
      return range as NextRange;
    },
    read: (range, options) => readRange(database, range, options),
    readLogged: (range, options) => readLoggedRange(database, range, options),
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
