/** Subscriptions and their delivery log, for the routes and the command line. Secrets are never in them. */
import { WeirError } from "../../core/errors.ts";
import type { Queryable } from "../../core/ports/database.ts";
import { originOf } from "./changes.ts";
import { deliveryId } from "./delivery-id.ts";
import type { DeliveryView, Replay, SubscriptionView, WholeSubscription } from "./schemas.ts";

const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;
const namePattern = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;
const utc = (column: string) =>
  `to_char(${column} at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')`;

const columns = `s.id, s.name, s.url, s.event_types, s.sources, s.filter, s.projection, s.order_by, s.concurrency, s.state,
  s.state_reason, ${utc("s.state_since")} as state_since, ${utc("s.failing_since")} as failing_since,
  s.reader is not null as is_behind, s.created_by, ${utc("s.created_at")} as created_at, ${utc("s.updated_at")} as updated_at`;

/** The id of a subscription from its id or its name. @throws WeirError `not_found` */
export async function findSubscription(database: Queryable, idOrName: string): Promise<string> {
  const [row] = namePattern.test(idOrName)
    ? await database.query<{ id: string }>({
        text: "select id from deliveries.subscriptions where id = $1 or name = $2",
        values: [uuid.test(idOrName) ? idOrName : null, idOrName],
      })
    : [];
  if (row !== undefined) return row.id;
  throw new WeirError("not_found", {
    detail: `there is no subscription "${idOrName.slice(0, 80)}"`,
  });
}

/** By name. `after`: the name of the last one shown. */
export async function listSubscriptions(
  database: Queryable,
  page: { readonly limit: number; readonly after: string | undefined },
): Promise<{ readonly items: readonly SubscriptionView[]; readonly next: string | null }> {
  const rows = await database.query<SubscriptionView>({
    text: `select ${columns} from deliveries.subscriptions s where $1::text is null or s.name > $1 order by s.name limit $2`,
    values: [page.after ?? null, page.limit + 1],
  });
  const items = rows.slice(0, page.limit);
  return { items, next: rows.length > page.limit ? (items.at(-1)?.name ?? null) : null };
}

/** @throws WeirError `not_found` */
export async function readSubscription(
  database: Queryable,
  id: string,
): Promise<WholeSubscription> {
  const [row] = await database.query<WholeSubscription>({
    text: `select ${columns},
             (select coalesce(jsonb_agg(jsonb_build_object('hint', left(x.secret, 9) || '…',
                'created_at', ${utc("x.created_at")}, 'expires_at', ${utc("x.expires_at")}) order by x.created_at desc), '[]')
              from deliveries.secrets x where x.subscription_id = s.id
                and (x.expires_at is null or x.expires_at > clock.earliest())) as secrets,
             ${counted("pending")}, ${counted("delivered")}, ${counted("dead")}
           from deliveries.subscriptions s where s.id = $1`,
    values: [uuid.test(id) ? id : null],
  });
  if (row === undefined) {
    throw new WeirError("not_found", { detail: `there is no subscription "${id.slice(0, 80)}"` });
  }
  const replays = await database.query<Replay>({
    text: `select id, ${utc("received_from")} as from, ${utc("received_to")} as to, state, deliveries::int as deliveries
           from deliveries.replays where subscription_id = $1 order by requested_at desc limit 10`,
    values: [row.id],
  });
  return { ...row, replays: [...replays] as WholeSubscription["replays"] };
}

const counted = (state: string) =>
  `(select count(*)::int from deliveries.deliveries d where d.subscription_id = s.id and d.state = '${state}') as ${state}`;

interface DeliveryRow {
  readonly id: string;
  readonly service_id: number;
  readonly event_id: string;
  readonly event_type: string;
  readonly source: string;
  readonly state: DeliveryView["state"];
  readonly created_at: string;
  readonly due_at: string;
  readonly finished_at: string | null;
  readonly last_error: string | null;
  readonly replay_id: string | null;
  readonly body: string;
  readonly bytes: number;
  readonly attempts: DeliveryView["attempts"];
}

export interface LogFilter {
  readonly state: string | undefined;
  readonly limit: number;
  /** The id of the last delivery shown. */
  readonly before: string | undefined;
}

const bodyCharacters = 1_000;

/** Newest first. */
export async function listDeliveries(
  database: Queryable,
  subscription: { readonly id: string; readonly url: string },
  { state, limit, before }: LogFilter,
): Promise<{ readonly items: readonly DeliveryView[]; readonly next: string | null }> {
  const rows = await database.query<DeliveryRow>({
    text: `select d.id::text as id, d.service_id, d.event_id, d.event_type,
             coalesce((select v.name from auth.services v where v.id = d.service_id), 'service ' || d.service_id) as source,
             d.state, ${utc("d.created_at")} as created_at, ${utc("d.due_at")} as due_at,
             ${utc("d.finished_at")} as finished_at, d.last_error, d.replay_id, left(d.body, ${bodyCharacters}) as body, d.bytes,
             (select coalesce(jsonb_agg(jsonb_build_object('number', a.number, 'at', ${utc("a.at")}, 'latency_ms', a.latency_ms,
                'status', a.status, 'error', a.error, 'answer', a.answer) order by a.number), '[]')
              from (select * from deliveries.attempts a where a.delivery_id = d.id order by a.number desc limit 20) a) as attempts
           from deliveries.deliveries d
           where d.subscription_id = $1 and ($2::text is null or d.state = $2) and ($3::bigint is null or d.id < $3)
           order by d.id desc limit $4`,
    values: [subscription.id, state ?? null, before ?? null, limit + 1],
  });
  const shown = rows.slice(0, limit);
  return {
    items: shown.map((row) => toView(row, subscription)),
    next: rows.length > limit ? (shown.at(-1)?.id ?? null) : null,
  };
}

function toView(
  row: DeliveryRow,
  subscription: { readonly id: string; readonly url: string },
): DeliveryView {
  const { service_id: serviceId, event_id: eventId, body, bytes, due_at: dueAt, ...rest } = row;
  const webhookId = deliveryId(subscription.id, { serviceId, eventId });
  return {
    ...rest,
    webhook_id: webhookId,
    due_at: row.state === "pending" ? dueAt : null,
    request: {
      url: withoutSecrets(subscription.url),
      headers: {
        "content-type": "application/json",
        "webhook-id": webhookId,
        "webhook-signature": "v1,(redacted)",
      },
      ...{ body, bytes },
    },
  };
}

/** Values of the query may be credentials. */
function withoutSecrets(text: string): string {
  const url = URL.parse(text);
  if (url === null) return "";
  const query = [...url.searchParams.keys()].map((name) => `${name}=(redacted)`).join("&");
  return `${originOf(text)}${url.pathname}${query === "" ? "" : `?${query}`}`;
}
