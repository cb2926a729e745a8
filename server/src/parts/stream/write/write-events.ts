/** Points of events in the collection `events`, as part of the caller's transaction. */
import { ArrayColumn, typeIds } from "../../../core/array-column.ts";
import type { ModelCollections } from "../../../core/ports/collections.ts";
import type { Queryable } from "../../../core/ports/database.ts";
import { uuidOfText } from "../../../core/uuid.ts";
import { bytesOf } from "../points/put-points.ts";
import type { EventDocument } from "../steps/event-documents.ts";
import type { ProductEvent } from "../steps/steps.ts";

/** An event with its document. */
export type DocumentedEvent = ProductEvent & { readonly document: EventDocument };

export function documented(events: readonly ProductEvent[]): DocumentedEvent[] {
  return events.filter((event): event is DocumentedEvent => event.document !== undefined);
}

/** The texts to be embedded, by hash. */
export function textsOfEvents(events: readonly DocumentedEvent[]): Map<string, string> {
  return new Map(events.map(({ document: { hash, text } }) => [hash, text]));
}

/**
 * Writes one point per event into the model's collection; an existing point is not written again.
 * An event whose text has no vector is left out.
 * @param vectors by hex content hash.
 */
export async function writeEvents(
  connection: Queryable,
  events: readonly DocumentedEvent[],
  about: {
    readonly model: ModelCollections;
    readonly vectors: ReadonlyMap<string, Float32Array>;
  },
): Promise<number> {
  const collection = about.model.collections.events;
  const found = events.flatMap((event) => {
    const vector = about.vectors.get(event.document.hash);
    return vector === undefined ? [] : [{ event, vector }];
  });
  if (collection === undefined || found.length === 0) return 0;
  const sources = await readSources(connection, found);
  const id = new ArrayColumn(typeIds.uuid);
  const otherId = new ArrayColumn(typeIds.uuid);
  const vectors = new ArrayColumn(typeIds.bytea);
  const payload = new ArrayColumn(typeIds.jsonb);
  const columns = [id, otherId, vectors, payload];
  for (const column of columns) column.begin(found.length);
  for (const { event, vector } of found) {
    id.uuid(event.name.eventId);
    otherId.uuid(uuidOfText(`${event.name.serviceId}/${event.name.eventId}`));
    vectors.buffer(bytesOf(vector));
    payload.jsonb(JSON.stringify(payloadOf(event, sources)));
  }
  await connection.query({
    name: "stream_put_event_points",
    text: "select stream.put_event_points($1, $2::uuid[], $3::uuid[], $4::bytea[], $5::jsonb[])",
    values: [collection, ...columns.map((column) => column.end())],
  });
  return found.length;
}

async function readSources(
  connection: Queryable,
  found: readonly { readonly event: DocumentedEvent }[],
): Promise<ReadonlyMap<number, string>> {
  const ids = [...new Set(found.map(({ event }) => event.name.serviceId))];
  const rows = await connection.query<{ id: number; name: string }>({
    name: "stream_sources",
    text: "select id, name from auth.services where id = any($1::int[])",
    values: [ids],
  });
  return new Map(rows.map(({ id, name }) => [id, name]));
}

function payloadOf(
  { name, eventType, userKey, occurredAt, document }: DocumentedEvent,
  sources: ReadonlyMap<number, string>,
): Record<string, unknown> {
  const { eventId, productIds, categories, receivedAt } = document;
  return {
    event_id: eventId,
    event_type: eventType,
    source: sources.get(name.serviceId) ?? `service-${name.serviceId}`,
    ...(userKey === null ? {} : { user_id: userKey }),
    ...oneOrMore("product_id", productIds),
    ...oneOrMore("category", categories),
    occurred_at: new Date(occurredAt).toISOString(),
    received_at: new Date(receivedAt).toISOString(),
  };
}

/** A filter matches either. */
function oneOrMore(name: string, values: readonly string[]): Record<string, unknown> {
  if (values.length === 0) return {};
  return { [name]: values.length === 1 ? values[0] : values };
}
