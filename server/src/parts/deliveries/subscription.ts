/** A subscription as the part uses it: read from the table, compiled, and what it says about an event. */
import type { LoggedEvent } from "../../core/event/event-message.ts";
import { type CompiledFilter, compileFilter, type FilteredEvent } from "../../core/event-filter.ts";
import type { Queryable } from "../../core/ports/database.ts";
import { type Position, parsePosition, sees } from "../../core/position.ts";
import { envelope, orderIdIn } from "./envelope.ts";
import type { ReadEvent } from "./read-event.ts";

export const orderKeys = ["user", "product", "order"] as const;
export const subscriptionStates = ["active", "paused", "disabled"] as const;
type SubscriptionState = (typeof subscriptionStates)[number];

export interface SubscriptionRow {
  readonly id: string;
  readonly name: string;
  readonly url: string;
  readonly event_types: readonly string[];
  readonly sources: readonly string[];
  readonly filter: unknown;
  readonly projection: readonly string[] | null;
  readonly order_by: (typeof orderKeys)[number] | null;
  readonly concurrency: number;
  readonly state: SubscriptionState;
  /** As PostgreSQL writes it: another one after each change of the state. */
  readonly state_since: string;
  readonly reader: string | null;
  readonly start_position: string | null;
  readonly start_incarnation: string | null;
  readonly secrets: readonly string[];
}

export interface Subscription extends SubscriptionRow {
  /** Older than the subscription, or read by its own reader already. */
  isBeforeStart(event: ReadEvent): boolean;
  /** Undefined when it does not match; the rest of the delivery otherwise. */
  match(event: ReadEvent): Match | undefined;
}

export interface Match {
  readonly body: string;
  readonly orderKey: string | null;
}

export interface Subscriptions {
  /** Of `deliveries.state`, as of these subscriptions. */
  readonly revision: string;
  readonly all: readonly Subscription[];
}

/** One statement: the revision belongs to what is read with it. */
export async function readSubscriptions(database: Queryable): Promise<Subscriptions> {
  const [row] = await database.query<{
    revision: string;
    subscriptions: readonly SubscriptionRow[];
  }>({
    name: "deliveries_subscriptions",
    text: `select revision::text as revision, coalesce((
             select jsonb_agg(jsonb_build_object('id', s.id, 'name', s.name, 'url', s.url,
               'event_types', s.event_types, 'sources', s.sources, 'filter', s.filter, 'projection', s.projection,
               'order_by', s.order_by, 'concurrency', s.concurrency, 'state', s.state, 'state_since', s.state_since::text, 'reader', s.reader,
               'start_position', s.start_position::text, 'start_incarnation', s.start_incarnation,
               'secrets', (select jsonb_agg(x.secret order by x.created_at desc) from deliveries.secrets x
                 where x.subscription_id = s.id and (x.expires_at is null or x.expires_at > clock.earliest()))) order by s.id)
             from deliveries.subscriptions s), '[]') as subscriptions
           from deliveries.state`,
  });
  if (row === undefined) throw new Error("deliveries.state is empty");
  return { revision: row.revision, all: row.subscriptions.map(compileSubscription) };
}

function compileSubscription(row: SubscriptionRow): Subscription {
  const filter = row.filter === null ? undefined : compiled(row.filter);
  const isWantedType = typeMatcher(row.event_types);
  const sources = new Set(row.sources);
  const start = savedPosition(row.start_position, row.start_incarnation);
  return {
    ...row,
    isBeforeStart: ({ logged }) => start !== undefined && isSeen(start, logged),
    match(event) {
      const { logged } = event;
      if (!isWantedType(logged.eventType)) return undefined;
      if (sources.size > 0 && !sources.has(logged.service)) return undefined;
      if (filter !== undefined && !filter.matches(filteredEvent(event, filter))) return undefined;
      return { body: envelope(event, row.projection), orderKey: orderKeyOf(event, row.order_by) };
    },
  };
}

function compiled(expression: unknown): CompiledFilter {
  const filter = compileFilter(expression);
  // it was checked when it was written
  if ("pointer" in filter) throw new Error(`a filter is invalid: ${filter.detail}`);
  return filter;
}

/** A position that was kept with the incarnation in which it was read: it says nothing in another one. */
export interface SavedPosition {
  readonly position: Position;
  readonly incarnation: string;
}

export function savedPosition(
  text: string | null,
  incarnation: string | null,
): SavedPosition | undefined {
  const position = text === null ? undefined : parsePosition(text);
  return position === undefined || incarnation === null ? undefined : { position, incarnation };
}

export function isSeen(saved: SavedPosition, logged: LoggedEvent): boolean {
  return saved.incarnation === logged.incarnation && sees(saved.position, BigInt(logged.xid));
}

/** `order.created`, or `order.*` for all that begin with `order.`; `*` and an empty list match all. */
function typeMatcher(patterns: readonly string[]): (type: string) => boolean {
  if (patterns.length === 0) return () => true;
  const exact = new Set(patterns.filter((pattern) => !pattern.endsWith("*")));
  const prefixes = patterns
    .filter((pattern) => pattern.endsWith("*"))
    .map((pattern) => pattern.slice(0, -1));
  return (type) => exact.has(type) || prefixes.some((prefix) => type.startsWith(prefix));
}

function filteredEvent(event: ReadEvent, { readsEvent }: CompiledFilter): FilteredEvent {
  const { logged } = event;
  return {
    event_type: logged.eventType,
    source: logged.service,
    user_id: logged.userKey,
    product_id: logged.productKey,
    amount: logged.amount,
    currency: logged.currency,
    occurred_at: logged.occurredAt,
    received_at: logged.receivedAt,
    event: readsEvent ? event.payload() : undefined,
  };
}

function orderKeyOf(event: ReadEvent, by: SubscriptionRow["order_by"]): string | null {
  if (by === "user") return event.logged.userKey;
  if (by === "product") return event.logged.productKey;
  return by === "order" ? orderIdIn(event.payload()) : null;
}
