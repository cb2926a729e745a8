/** Requests to erase a user; a finished request is the certificate. */
import { hash } from "node:crypto";
import { type Infer, schema } from "@weir/protocol";
import { WeirError } from "../../core/errors.ts";
import type { Database, Queryable } from "../../core/ports/database.ts";

export const erasureSchema = schema.object(
  {
    id: schema.string(),
    user_hash: schema.string({
      description: "Hex SHA-256 of the user's id; the id itself is erased.",
    }),
    state: schema.oneOf(["queued", "running", "done"]),
    stage: schema.nullable(schema.string()),
    requested_by: schema.string(),
    requested_at: schema.string({ format: "date-time" }),
    finished_at: schema.nullable(schema.string({ format: "date-time" })),
    after_request: schema.oneOf(["block", "allow"], {
      description:
        "What happens to events of the user that arrive after the request: refused, or kept as a new history.",
    }),
    blocked: schema.boolean({ description: "Whether events of the user are refused now." }),
    erased: schema.object({
      raw_events: schema.integer(),
      analytics_rows: schema.integer(),
      points: schema.integer({ description: "Points of the user and of the user's events." }),
      dead_letters: schema.integer(),
    }),
    hours_recomputed: schema.integer({
      description: "Hours whose windows were corrected, because the user was present in them.",
    }),
    hours_kept: schema.integer({
      description:
        "Hours whose raw events retention had already dropped; their sums identify no user.",
    }),
    error: schema.nullable(schema.string()),
  },
  { $id: "Erasure" },
);
export type Erasure = Infer<typeof erasureSchema>;

/** What happens to events of the user that arrive after the request. */
export type AfterRequest = Erasure["after_request"];

export interface RequestOfErasure {
  readonly userKey: string;
  readonly requestedBy: string;
  readonly afterRequest: AfterRequest;
}

/**
 * Queues the erasure of a user. When this resolves the set of events is fixed or bounded: with `block`, every group of
 * events that begins to be written from now on refuses the user; with `allow`, events accepted from now on are kept.
 * A request that is open and covers the same events is returned instead of a new one.
 */
export async function requestErasure(
  database: Database,
  request: RequestOfErasure,
): Promise<Erasure> {
  const userHash = hashOfUser(request.userKey);
  const id = await database.transaction(async (connection) => {
    await lockRequests(connection);
    const open = await findOpenRequest(connection, userHash);
    return open ?? addRequest(connection, userHash, request);
  });
  await database.query({ text: "select pg_notify('weir_erasure', '')" });
  return readErasure(database, id);
}

/** As the certificate has it. */
export function hashOfUser(userKey: string): Buffer {
  return hash("sha256", userKey, "buffer");
}

/** Requests and the lifting of blocks wait for each other. */
export async function lockRequests(connection: Queryable): Promise<void> {
  await connection.query({ text: "select pg_advisory_xact_lock(hashtext('erasure.requests'))" });
}

/** An open request covers a new one while the user is blocked: no event has arrived in between. */
async function findOpenRequest(
  connection: Queryable,
  userHash: Buffer,
): Promise<string | undefined> {
  const [open] = await connection.query<{ id: string }>({
    text: `select id from erasure.requests
           where user_hash = $1 and state <> 'done' and exists (select from erasure.blocks b where b.user_hash = $1)
           order by requested_at desc limit 1`,
    values: [userHash],
  });
  return open?.id;
}

async function addRequest(
  connection: Queryable,
  userHash: Buffer,
  { userKey, requestedBy, afterRequest }: RequestOfErasure,
): Promise<string> {
  const [row] = await connection.query<{ id: string }>({
    text: `with added as (
             insert into erasure.requests (user_hash, user_key, requested_by, after_request, seen, seen_since)
             select $1, $2, $3, $4, case when $4 = 'allow' then pg_current_snapshot() end,
               case when $4 = 'allow' then o.since end
             from log.open_days o returning id
           ), blocked as (
             insert into erasure.blocks (user_hash, request_id) select $1, id from added where $4 = 'block'
             on conflict do nothing
           ), audited as (
             insert into auth.audit_log (actor, action, subject, detail)
             select $3, 'user.erase', 'user:' || encode($1, 'hex'), json_build_object('request', id, 'after_request', $4)
             from added
           )
           select id from added`,
    values: [userHash, userKey, requestedBy, afterRequest],
  });
  if (row === undefined) throw new Error("erasure.requests took no row");
  return row.id;
}

interface ErasureRow
  extends Omit<Erasure, "requested_at" | "finished_at" | "erased" | "hours_recomputed"> {
  readonly requested_at: Date;
  readonly finished_at: Date | null;
  readonly raw_events: string;
  readonly analytics_rows: string;
  readonly points: string;
  readonly dead_letters: string;
  readonly hours_corrected: number;
}

/** @throws WeirError not_found */
export async function readErasure(database: Queryable, id: string): Promise<Erasure> {
  const [row] = await database.query<ErasureRow>({
    text: `select r.id, encode(r.user_hash, 'hex') as user_hash, r.state, r.stage, r.requested_by, r.requested_at,
             r.finished_at, r.after_request, r.raw_events, r.analytics_rows, r.points, r.dead_letters, r.hours_corrected,
             r.hours_kept, r.error,
             exists (select from erasure.blocks b where b.user_hash = r.user_hash) as blocked
           from erasure.requests r where r.id::text = $1`,
    values: [id.toLowerCase()],
  });
  if (row === undefined) throw new WeirError("not_found", { detail: `there is no erasure ${id}` });
  return {
    id: row.id,
    user_hash: row.user_hash,
    state: row.state,
    stage: row.stage,
    requested_by: row.requested_by,
    requested_at: row.requested_at.toISOString(),
    finished_at: row.finished_at?.toISOString() ?? null,
    after_request: row.after_request,
    blocked: row.blocked,
    erased: {
      raw_events: Number(row.raw_events),
      analytics_rows: Number(row.analytics_rows),
      points: Number(row.points),
      dead_letters: Number(row.dead_letters),
    },
    hours_recomputed: row.hours_corrected,
    hours_kept: row.hours_kept,
    error: row.error,
  };
}
