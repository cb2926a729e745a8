/** Fills a model's collection `events` from the raw log, a page at a time. */
import type { Database } from "../../core/ports/database.ts";
import type { TextEmbedder } from "../stream/embed-texts.ts";
import { leaveHalf } from "../stream/leave-half.ts";
import type { LogEvent } from "../stream/log-event.ts";
import { type EventRow, eventColumns, toLogEvent } from "../stream/pages.ts";
import { takeSteps } from "../stream/steps.ts";
import {
  type DocumentedEvent,
  documented,
  textsOfEvents,
  writeEvents,
} from "../stream/write-events.ts";
import { lockCollections, type ModelCollections } from "./collections.ts";

export interface EventFilling {
  readonly embedder: TextEmbedder;
  /** Events received before are left out; milliseconds since 1970. */
  readonly oldest: number;
}

export interface FillEventsOptions {
  readonly database: Database;
  readonly model: ModelCollections;
  readonly events?: EventFilling | undefined;
  readonly signal: AbortSignal;
  /** After each page; rejects when the work is somebody else's now. */
  readonly keep: () => Promise<void>;
}

/** Small, so that nobody waits long for a page's locks. */
const pageEvents = 500;
const beforeAll = "0";

/**
 * What is committed by now is found here; what is committed later is written by the workers, who know of the
 * collection. An event that both write is one point. What is no document (its payload cannot be read, the
 * embedder refuses it) is left out: the stream makes a dead letter of it.
 */
export async function fillEvents(options: FillEventsOptions): Promise<void> {
  const { database, model, events: filling, signal, keep } = options;
  if (filling === undefined || model.collections.events === undefined) return;
  for (let after = beforeAll; ; ) {
    signal.throwIfAborted();
    const began = performance.now();
    const page = await readLog(database, after, filling.oldest);
    if (page === undefined) return;
    const taken = page.events.flatMap((event) => {
      const outcome = takeSteps(event, { documents: true });
      return outcome.kind === "ok" ? [outcome.value] : [];
    });
    const events = documented(taken);
    const { vectors } = await filling.embedder.embed(textsOfEvents(events), signal);
    await database.transaction(async (connection) => {
      await lockCollections(connection);
      const there = await readNames(connection, { ...page, after, oldest: filling.oldest });
      const left = events.filter((event) => there.has(keyOf(event.name)));
      await writeEvents(connection, left, { model, vectors });
    });
    await database.query({ text: "select pg_notify('weir_points', '')" });
    await keep();
    after = page.last;
    await leaveHalf(began, signal);
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
      // by the index on xid, however few rows the planner believes in
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

/** Which events of a page are still in the log: erasure takes them out first, and their points after. */
async function readNames(
  connection: Parameters<typeof lockCollections>[0],
  page: { readonly after: string; readonly last: string; readonly oldest: number },
): Promise<ReadonlySet<string>> {
  const rows = await connection.query<{ service_id: number; event_id: string }>({
    name: "stream_still_there",
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
