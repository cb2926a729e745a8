/** Fills a model's collection `events` from the raw log, a page at a time. */
import type { ModelCollections } from "../../../core/ports/collections.ts";
import type { Database, Queryable } from "../../../core/ports/database.ts";
import type { TextEmbedder } from "../embed/embed-texts.ts";
import type { LogEvent } from "../log-event.ts";
import { type EventRow, eventColumns, toLogEvent } from "../pages.ts";
import { takeSteps } from "../steps/steps.ts";
import {
  type DocumentedEvent,
  documented,
  textsOfEvents,
  writeEvents,
} from "../write/write-events.ts";
import type { FillOptions } from "./fill-products.ts";

export interface FillEventsOptions extends FillOptions {
  readonly model: ModelCollections;
  readonly embedder: TextEmbedder;
  /** Events received before are left out; milliseconds since 1970. */
  readonly oldest: number;
}

/** Small, so that workers do not wait long for a page's locks. */
const pageEvents = 500;
const beforeAll = "0";

/**
 * Yields after each page. Events that are committed by now are found here; later ones are written by the workers,
 * which know the collection. An event that both write is one point. An event that cannot become a document (its
 * payload cannot be read, the embedder refuses its text) is left out: the stream makes a dead letter of it.
 */
export async function* fillEvents(
  options: Omit<FillEventsOptions, "collection">,
): AsyncGenerator<void> {
  const { database, collections, model, embedder, oldest, signal } = options;
  for (let after = beforeAll; ; ) {
    signal.throwIfAborted();
    const page = await readLog(database, after, oldest);
    if (page === undefined) return;
    const events = documented(
      page.events.flatMap((event) => {
        const outcome = takeSteps(event, { documents: true });
        return outcome.kind === "ok" ? [outcome.value] : [];
      }),
    );
    const { vectors } = await embedder.embed(textsOfEvents(events), signal);
    const range = { after, last: page.last, oldest };
    await database.transaction(async (connection) => {
      await collections.lock(connection);
      const present = await readNames(connection, range);
      const left = events.filter((event) => present.has(keyOf(event.name)));
      await writeEvents(connection, left, { model, vectors });
    });
    await database.query({ text: "select pg_notify('weir_points', '')" });
    after = page.last;
    yield;
  }
}

interface LogPage {
  readonly events: readonly LogEvent[];
  /** The transaction of the last of them. */
  readonly last: string;
}

/** The next events in the order of their transactions, whole transactions at a time. */
async function readLog(
  database: Database,
  after: string,
  oldest: number,
): Promise<LogPage | undefined> {
  const rows = await database.transaction(
    async (connection) => {
      // by the index on xid, however few rows the planner expects
      await connection.query({
        text: "select set_config(name, 'off', true) from unnest(array['enable_seqscan', 'enable_bitmapscan', 'enable_sort']) name",
      });
      return connection.query<EventRow & { readonly xid: string }>({
        text: `select ${eventColumns}, r.xid::text as xid
               from raw.events r left join etl.event_type_actions a on a.name = r.event_type
               where r.xid > $1::xid8 and r.received_at >= to_timestamp($2::float8 / 1000)
               order by r.xid fetch first $3 rows with ties`,
        values: [after, oldest, pageEvents],
      });
    },
    { readOnly: true },
  );
  const last = rows.at(-1);
  return last === undefined ? undefined : { events: rows.map(toLogEvent), last: last.xid };
}

/** The events of a page that are still in the log: erasure removes them first, and their points afterwards. */
async function readNames(
  connection: Queryable,
  page: { readonly after: string; readonly last: string; readonly oldest: number },
): Promise<ReadonlySet<string>> {
  const rows = await connection.query<{ service_id: number; event_id: string }>({
    name: "stream_still_in_log",
    text: `select service_id, event_id from raw.events
           where xid > $1::xid8 and xid <= $2::xid8 and received_at >= to_timestamp($3::float8 / 1000)`,
    values: [page.after, page.last, page.oldest],
  });
  return new Set(
    rows.map(({ service_id: serviceId, event_id: eventId }) => keyOf({ serviceId, eventId })),
  );
}

function keyOf({ serviceId, eventId }: Pick<DocumentedEvent["name"], "serviceId" | "eventId">) {
  return `${serviceId}/${eventId}`;
}
