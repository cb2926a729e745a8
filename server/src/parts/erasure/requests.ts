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
    erased: schema.object({
      raw_events: schema.integer(),
      analytics_rows: schema.integer(),
      points: schema.integer({ description: "Points of the user and of the user's events." }),
      dead_letters: schema.integer(),
    }),
    hours_recomputed: schema.integer(),
    hours_kept: schema.integer({
      description:
        "Hours whose raw events retention had already dropped; their sums identify no user.",
    }),
    error: schema.nullable(schema.string()),
  },
  { $id: "Erasure" },
);
export type Erasure = Infer<typeof erasureSchema>;

/** Queues the erasure of a user; if one is already running, that one is returned. */
export async function requestErasure(
  database: Database,
  request: { readonly userKey: string; readonly requestedBy: string },
): Promise<Erasure> {
  const userHash = hash("sha256", request.userKey, "buffer");
  const id = await database.transaction(async (connection) => {
    await connection.query({ text: "select pg_advisory_xact_lock(hashtext('erasure.requests'))" });
    const [row] = await connection.query<{ id: string }>({
      text: `with open as (
               select id from erasure.requests where user_hash = $1 and state <> 'done' limit 1
             ), added as (
               insert into erasure.requests (user_hash, user_key, requested_by)
               select $1, $2, $3 where not exists (select from open) returning id
             ), audited as (
               insert into auth.audit_log (actor, action, subject, detail)
               select $3, 'user.erase', 'user:' || encode($1, 'hex'), json_build_object('request', id) from added
             )
             select id from added union all select id from open`,
      values: [userHash, request.userKey, request.requestedBy],
    });
    return row?.id;
  });
  await database.query({ text: "select pg_notify('weir_erasure', '')" });
  if (id === undefined) throw new Error("erasure.requests took no row");
  return readErasure(database, id);
}

/** @throws WeirError not_found */
export async function readErasure(database: Queryable, id: string): Promise<Erasure> {
  const [row] = await database.query<{
    id: string;
    user_hash: string;
    state: Erasure["state"];
    stage: string | null;
    requested_by: string;
    requested_at: Date;
    finished_at: Date | null;
    raw_events: string;
    analytics_rows: string;
    points: string;
    dead_letters: string;
    hours: string;
    queued: string;
    error: string | null;
  }>({
    text: `select r.id, encode(r.user_hash, 'hex') as user_hash, r.state, r.stage, r.requested_by, r.requested_at,
             r.finished_at, r.raw_events, r.analytics_rows, r.points, r.dead_letters, r.error,
             (select count(*) from erasure.hours h where h.request_id = r.id) as hours,
             (select count(*) from erasure.hours h where h.request_id = r.id and h.run_id is not null) as queued
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
    erased: {
      raw_events: Number(row.raw_events),
      analytics_rows: Number(row.analytics_rows),
      points: Number(row.points),
      dead_letters: Number(row.dead_letters),
    },
    hours_recomputed: Number(row.queued),
    hours_kept: row.state === "done" ? Number(row.hours) - Number(row.queued) : 0,
    error: row.error,
  };
}
