import type { Queryable } from "../../../src/core/ports/database.ts";
import type { LedgerEvent } from "./window-oracle.ts";

/**
 * Appends events as the ingest part does; what was sent before is a duplicate and changes nothing. Returns the
 * verdicts of raw.append by id: 0 accepted, 3 the user is blocked.
 */
export async function appendEvents(
  connection: Queryable,
  events: readonly LedgerEvent[],
): Promise<ReadonlyMap<string, number>> {
  const sorted = events.toSorted((a, b) => a.id.localeCompare(b.id) || a.service - b.service);
  const column = <T>(of: (event: LedgerEvent) => T): T[] => sorted.map(of);
  const [row] = await connection.query<{ verdicts: readonly number[] | null }>({
    text: `select raw.append($1::int[], $2::smallint[], $3::uuid[], $4::bigint[], $5::timestamptz[], $6::text[],
             $7::text[], $8::numeric[], $9::text[], $10::text[], $11::text[], $12::json[], $13::text[]) as verdicts`,
    values: [
      column(({ service }) => service),
      column(() => 0),
      column(({ id }) => id),
      column(() => 7),
      column(({ at }) => instant(at)),
      column(({ user }) => user),
      column(({ product }) => product),
      column(({ amount }) => decimal(amount)),
      column(({ currency }) => currency),
      column(({ type }) => type),
      column(() => null),
      column(({ items }) =>
        items === null
          ? null
          : `[${items.map(({ id, amount }) => `{"id":"${id}","quantity":1,"amount":${decimal(amount)}}`).join()}]`,
      ),
      column(payloadOf),
    ],
  });
  return new Map(sorted.map(({ id }, n) => [id, row?.verdicts?.[n] ?? 0]));
}

/** The native event that such a row would come from. */
function payloadOf(event: LedgerEvent): string {
  return JSON.stringify({
    event_id: event.id,
    event_type: event.type,
    timestamp: instant(event.at),
    user_id: event.user,
    ...(event.product === null
      ? {}
      : { product: { id: event.product, name: `Name of ${event.product}` } }),
    properties: {
      ...(event.amount === null
        ? {}
        : { revenue: decimal(event.amount), currency: event.currency }),
      ...(event.items === null ? {} : { products: event.items }),
    },
  });
}

function instant(at: number): string {
  return new Date(at).toISOString();
}

function decimal(cents: number | null): string | null {
  return cents === null ? null : (cents / 100).toFixed(2);
}
