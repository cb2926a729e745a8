/**
 * A log reader whose workers share the log in pages (docs/decisions/0014-pages-of-the-log.md). A page is a
 * row of `log.pages`, deleted by the transaction that writes what was made of it.
 */
import type { Database } from "../../core/ports/database.ts";
import type { LogPage, PageReader } from "../../core/ports/log.ts";
import { registerReader } from "./readers.ts";
import { readRange, readStoredEvent } from "./stored-events.ts";

export function createPageReader(database: Database, name: string): PageReader {
  return {
    register: async () => {
      await registerReader(database, name);
    },
    async claim(options) {
      const [page] = await database.query<LogPage>({
        name: "log_claim",
        text: `select id::text, epoch, events, from_position::text as "from", to_position::text as "to", since::text,
                 greatest(0, coalesce(extract(epoch from clock_timestamp() - oldest), 0))::float8 * 1000 as "ageMs"
               from log.claim($1, $2, $3, $4 * interval '1 millisecond')`,
        values: [name, options.owner, options.maxEvents, options.patienceMs],
      });
      return page;
    },
    async keep(page) {
      const rows = await database.query({
        name: "log_keep",
        text: "update log.pages set heartbeat_at = clock_timestamp() where id = $1 and epoch = $2 returning id",
        values: [page.id, page.epoch],
      });
      return rows.length === 1;
    },
    async finish(connection, page) {
      const rows = await connection.query({
        name: "log_finish",
        text: "delete from log.pages where id = $1 and epoch = $2 returning id",
        values: [page.id, page.epoch],
      });
      return rows.length === 1;
    },
    read: (page, options) => readRange(database, page, options),
    find: readStoredEvent,
  };
}
