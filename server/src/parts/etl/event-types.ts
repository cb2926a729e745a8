/**
 * What an event type means for the analytics. The mapping is configuration; the ETL reads it from
 * `analytics.event_types.action`, so a change of it is a change of stored facts.
 */
import { type Action, actions } from "@weir/protocol";
import type { Database, Queryable } from "../../core/ports/database.ts";

/** Event types by what they mean; a type that is not listed means nothing (`other`). */
export type EventTypeMapping = Readonly<
  Partial<Record<Exclude<Action, "other">, readonly string[]>>
>;

/**
 * The shop's own names, those of the source documents and of REES46, and Segment's e-commerce
 * specification. `payment.success` is left out: it follows an order that is already counted.
 */
export const defaultEventTypeMapping = {
  view: ["product.view", "product.viewed", "product_view", "view", "view_item", "Product Viewed"],
  cart: ["cart.add", "cart.added", "add_to_cart", "cart", "product.added", "Product Added"],
  purchase: ["purchase", "order.created", "order.completed", "Order Completed"],
  refund: ["refund", "order.refunded", "payment.refunded", "Order Refunded"],
  search: ["search", "product.search", "products.searched", "Products Searched"],
} as const satisfies EventTypeMapping;

/** `analytics.event_types.action` */
const actionCodes: Readonly<Record<Action, number>> = {
  other: 0,
  view: 1,
  cart: 2,
  purchase: 3,
  refund: 4,
  search: 5,
};

/** Configured names on top of the built-in ones; configuration overrides the built-in meaning of a name. */
export function mergeEventTypeMappings(
  builtIn: EventTypeMapping,
  configured: EventTypeMapping,
): EventTypeMapping {
  const merged = new Map([...namesOf(builtIn), ...namesOf(configured)]);
  const result: Partial<Record<Exclude<Action, "other">, string[]>> = {};
  for (const [name, action] of merged) result[action] = [...(result[action] ?? []), name];
  return result;
}

function namesOf(mapping: EventTypeMapping): Map<string, Exclude<Action, "other">> {
  const found = new Map<string, Exclude<Action, "other">>();
  for (const action of actions) {
    if (action === "other") continue;
    for (const name of mapping[action] ?? []) {
      const other = found.get(name);
      if (other !== undefined && other !== action) {
        throw new RangeError(`${name} is configured both as ${other} and as ${action}.`);
      }
      found.set(name, action);
    }
  }
  return found;
}

export interface MappingChange {
  /** Known event types whose meaning changed. */
  readonly changed: readonly string[];
  /** Days queued to be rerun, because they contain such events. */
  readonly queuedDays: number;
}

/**
 * Makes the stored mapping equal to `mapping`. The next step folds new events by
 * it. Days that contain events whose meaning changed are queued to be rerun, unless their raw events
 * were dropped; until then they show the old meaning.
 */
export async function syncEventTypeMapping(
  database: Database,
  mapping: EventTypeMapping,
): Promise<MappingChange> {
  const names = [...namesOf(mapping)];
  return database.transaction(async (connection) => {
    // no step may run meanwhile: it could count an event by its type's old meaning on a day
    // that is not queued
    await connection.query({
      text: "select 1 from log.readers where name = 'windows' for no key update",
    });
    await replaceActions(connection, names);
    const changed = await connection.query<{ id: number; name: string }>({
      text: `update analytics.event_types t set action = coalesce(
               (select a.action from etl.event_type_actions a where a.name = t.name), 0)
             where action <> coalesce(
               (select a.action from etl.event_type_actions a where a.name = t.name), 0)
             returning id, name`,
    });
    if (changed.length === 0) return { changed: [], queuedDays: 0 };
    const queued = await connection.query({
      text: `insert into etl.window_runs (size, start, state, requested_by)
             select distinct 'day', timestamptz '1970-01-01 00:00:00+00' + bucket * interval '24 hours',
               'queued', 'event type mapping'
             from analytics.window_counts
             where size = 3 and event_type = any ($1) and not etl.raw_events_gone(bucket)
             returning id`,
      values: [changed.map(({ id }) => id)],
    });
    return { changed: changed.map(({ name }) => name), queuedDays: queued.length };
  });
}

async function replaceActions(
  connection: Queryable,
  names: readonly (readonly [string, Exclude<Action, "other">])[],
): Promise<void> {
  await connection.query({
    text: "delete from etl.event_type_actions where not (name = any ($1))",
    values: [names.map(([name]) => name)],
  });
  await connection.query({
    text: `insert into etl.event_type_actions (name, action)
           select * from unnest($1::text[], $2::smallint[])
           on conflict (name) do update set action = excluded.action
             where event_type_actions.action <> excluded.action`,
    values: [names.map(([name]) => name), names.map(([, action]) => actionCodes[action])],
  });
}
