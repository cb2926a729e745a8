/**
 * The stages of an erasure, in order: first the raw log, so that nothing is derived from it again; then, once the
 * workers that had read it are done, everything that was derived from it.
 */
import type { Database } from "../../core/ports/database.ts";
import { uuidOfText } from "../../core/uuid.ts";
import { pause } from "../../timing/pause.ts";
import type { Reruns } from "./ports.ts";

export interface ErasureRequest {
  readonly id: string;
  readonly user_key: string;
}

interface Context {
  readonly database: Database;
  readonly reruns: Reruns;
  readonly request: ErasureRequest;
  readonly signal: AbortSignal;
}

interface Stage {
  /** As the request shows it. */
  readonly name: string;
  /** May be repeated. */
  readonly run: (context: Context) => Promise<void>;
}

export const stages: readonly Stage[] = [
  { name: "raw events", run: eraseRawEvents },
  { name: "pages in progress", run: waitForPages },
  { name: "vectors", run: erasePoints },
  { name: "dead letters", run: eraseDeadLetters },
  { name: "windows", run: recomputeHours },
  { name: "analytics", run: eraseAnalytics },
];

const pollMs = 300;
/** There is no index by user: a day of the log is read from start to end. */
const dayTimeoutMs = 600_000;

async function eraseRawEvents({ database, request }: Context): Promise<void> {
  const days = await database.query<{ day: string }>({
    text: "select inhrelid::regclass::text as day from pg_inherits where inhparent = 'raw.events'::regclass order by 1",
  });
  for (const { day } of days) {
    await database.query(
      { text: "select erasure.erase_day($1, $2::regclass)", values: [request.id, day] },
      { timeoutMs: dayTimeoutMs },
    );
  }
}

/** A worker may have read the user's events before they were deleted, and write what they mean afterwards. */
async function waitForPages({ database, signal }: Context): Promise<void> {
  const [newest] = await database.query<{ id: string | null }>({
    text: "select max(id)::text as id from log.pages",
  });
  for (;;) {
    const [row] = await database.query<{ open: boolean }>({
      text: "select exists (select from log.pages where id <= $1) as open",
      values: [newest?.id ?? "0"],
    });
    if (row?.open !== true) return;
    await pause(pollMs, signal);
    signal.throwIfAborted();
  }
}

/**
 * Writers of points hold this lock shared (see `lockCollections`), from before they read what the points are derived
 * from: they have ended before the user is deleted, or begin afterwards and find nothing.
 */
async function erasePoints({ database, request }: Context): Promise<void> {
  const pointId = uuidOfText(request.user_key);
  await database.transaction(async (connection) => {
    await connection.query({
      text: "select pg_advisory_xact_lock(hashtext('stream.collections'))",
    });
    await connection.query({
      text: "delete from stream.users where point_id = $1",
      values: [pointId],
    });
    await connection.query({
      text: `update erasure.requests set points = points + (
               select coalesce(sum(vectors.delete_points(m.collection_id, case when m.purpose = 'users' then array[$2::uuid]
                 else array(select p.id from vectors.points p where p.collection_id = m.collection_id
                            and p.payload ? 'event_id' and p.payload ->> 'user_id' = $3) end)), 0)
               from vectors.model_collections m where m.purpose in ('users', 'events'))
             where id = $1`,
      values: [request.id, pointId, request.user_key],
    });
  });
  await database.query({ text: "select pg_notify('weir_points', '')" });
}

async function eraseDeadLetters({ database, request }: Context): Promise<void> {
  await database.query({
    text: `with deleted as (delete from dlq.letters where user_key = $2 returning 1)
           update erasure.requests set dead_letters = dead_letters + (select count(*) from deleted) where id = $1`,
    values: [request.id, request.user_key],
  });
}

/** Hours whose raw events retention has dropped are kept: they are totals without any user in them. */
async function recomputeHours(context: Context): Promise<void> {
  const { database, reruns, request } = context;
  const hours = await database.query<{ hour: Date }>({
    text: "select hour from erasure.hours where request_id = $1 and run_id is null order by hour",
    values: [request.id],
  });
  for (const { hour } of hours) {
    const runId = await reruns.request(database, hour);
    if (runId === undefined) continue;
    await database.query({
      text: "update erasure.hours set run_id = $3 where request_id = $1 and hour = $2",
      values: [request.id, hour, runId],
    });
  }
  await waitForReruns(context);
}

async function waitForReruns({ database, request, signal }: Context): Promise<void> {
  for (;;) {
    const [row] = await database.query<{ open: string; failed: string }>({
      text: `select count(*) filter (where r.state in ('queued', 'running')) as open,
               count(*) filter (where r.state = 'failed') as failed
             from erasure.hours h join etl.window_runs r on r.id = h.run_id where h.request_id = $1`,
      values: [request.id],
    });
    if (Number(row?.failed ?? 0) > 0) {
      await database.query({
        text: `update erasure.hours h set run_id = null from etl.window_runs r
               where r.id = h.run_id and r.state = 'failed' and h.request_id = $1`,
        values: [request.id],
      });
      throw new Error("an hour could not be recomputed; it will be tried again");
    }
    if (Number(row?.open ?? 0) === 0) return;
    await pause(pollMs, signal);
    signal.throwIfAborted();
  }
}

async function eraseAnalytics({ database, request }: Context): Promise<void> {
  await database.query(
    {
      text: `update erasure.requests set analytics_rows = analytics_rows + erasure.erase_analytics(user_key)
             where id = $1`,
      values: [request.id],
    },
    { timeoutMs: dayTimeoutMs },
  );
}
