/**
 * The part `erasure`: forgets users who asked for it. Stage by stage, each of which may be repeated: the
 * raw log first, so that nothing is made of it again; then what was made of it; then whoever is still at
 * work on it is waited for and swept up after.
 */
import type { Database, Notifications } from "../../core/ports/database.ts";
import type { Part } from "../../core/ports/part.ts";
import { uuidOfText } from "../../core/uuid.ts";
import { createWake } from "../../timing/wake.ts";
import type { Reruns } from "./ports.ts";

export interface ErasureOptions {
  /** As the owner of the tables: nobody else may delete from the raw log. */
  readonly database: Database;
  readonly notifications: Notifications;
  readonly reruns: Reruns;
  readonly onDone?: (done: { readonly id: string; readonly milliseconds: number }) => void;
  readonly onError?: (error: unknown) => void;
}

interface Request {
  readonly id: string;
  readonly user_key: string;
}

const pollMs = 10_000;
const againMs = 5_000;
const waitEveryMs = 300;
/** A day of the log is read from end to end: there is no index by user. */
const dayTimeoutMs = 600_000;

export function createErasure(options: ErasureOptions): Part {
  const { database } = options;
  let problem: string | undefined;

  async function run(signal: AbortSignal): Promise<void> {
    const wake = createWake();
    const unsubscribe = options.notifications.subscribe("weir_erasure", () => wake.wake());
    try {
      while (!signal.aborted) {
        let pause = pollMs;
        try {
          while (!signal.aborted && (await eraseNext(signal)));
          problem = undefined;
        } catch (error) {
          if (signal.aborted) break;
          problem = error instanceof Error ? error.message : String(error);
          options.onError?.(error);
          pause = againMs;
        }
        await wake.wait(pause, signal);
      }
    } finally {
      unsubscribe();
    }
  }

  /** False when nobody asks to be forgotten. */
  async function eraseNext(signal: AbortSignal): Promise<boolean> {
    const [request] = await database.query<Request>({
      text: `update erasure.requests set state = 'running' where id = (
               select id from erasure.requests where state <> 'done' order by requested_at limit 1)
             returning id, user_key`,
    });
    if (request === undefined) return false;
    const started = performance.now();
    try {
      await erase(request, signal);
    } catch (error) {
      if (signal.aborted) return false;
      await database.query({
        text: "update erasure.requests set error = $2 where id = $1",
        values: [request.id, error instanceof Error ? error.message : String(error)],
      });
      throw error;
    }
    options.onDone?.({ id: request.id, milliseconds: performance.now() - started });
    return true;
  }

  async function erase(request: Request, signal: AbortSignal): Promise<void> {
    await enter(request, "raw events");
    await eraseRaw(request);
    await enter(request, "pages under way");
    await untilPagesAreDone(signal);
    await enter(request, "vectors");
    await erasePoints(request);
    await enter(request, "dead letters");
    await database.query({
      text: `with gone as (delete from dlq.letters where user_key = $2 returning 1)
             update erasure.requests set dead_letters = dead_letters + (select count(*) from gone) where id = $1`,
      values: [request.id, request.user_key],
    });
    await enter(request, "windows");
    await recomputeHours(request, signal);
    await enter(request, "analytics");
    await database.query(
      {
        text: `update erasure.requests set analytics_rows = analytics_rows + erasure.erase_analytics(user_key)
               where id = $1`,
        values: [request.id],
      },
      { timeoutMs: dayTimeoutMs },
    );
    await database.query({
      text: `update erasure.requests
             set state = 'done', stage = null, user_key = null, error = null, finished_at = now() where id = $1`,
      values: [request.id],
    });
  }

  async function enter({ id }: Request, stage: string): Promise<void> {
    await database.query({
      text: "update erasure.requests set stage = $2 where id = $1",
      values: [id, stage],
    });
  }

  async function eraseRaw({ id }: Request): Promise<void> {
    const days = await database.query<{ day: string }>({
      text: "select inhrelid::regclass::text as day from pg_inherits where inhparent = 'raw.events'::regclass order by 1",
    });
    for (const { day } of days) {
      await database.query(
        { text: "select erasure.erase_day($1, $2::regclass)", values: [id, day] },
        { timeoutMs: dayTimeoutMs },
      );
    }
  }

  /** A worker may have read the user's events before they were gone, and write of them after. */
  async function untilPagesAreDone(signal: AbortSignal): Promise<void> {
    const [newest] = await database.query<{ id: string | null }>({
      text: "select max(id)::text as id from log.pages",
    });
    for (;;) {
      const [row] = await database.query<{ open: boolean }>({
        text: "select exists (select from log.pages where id <= $1) as open",
        values: [newest?.id ?? "0"],
      });
      if (row?.open !== true) return;
      await createWake().wait(waitEveryMs, signal);
      signal.throwIfAborted();
    }
  }

  /**
   * Whoever writes points holds this lock shared (parts/models/collections.ts), from before it reads what they are made
   * of: it has ended before the user goes, or begins after and finds nothing.
   */
  async function erasePoints({ id, user_key: userKey }: Request): Promise<void> {
    const pointId = uuidOfText(userKey);
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
        values: [id, pointId, userKey],
      });
    });
    await database.query({ text: "select pg_notify('weir_points', '')" });
  }

  /** An hour that retention has left without its events is a sum without any user in it, and stays. */
  async function recomputeHours({ id }: Request, signal: AbortSignal): Promise<void> {
    const hours = await database.query<{ hour: Date }>({
      text: "select hour from erasure.hours where request_id = $1 and run_id is null order by hour",
      values: [id],
    });
    for (const { hour } of hours) {
      const runId = await options.reruns.request(database, hour);
      if (runId === undefined) continue;
      await database.query({
        text: "update erasure.hours set run_id = $3 where request_id = $1 and hour = $2",
        values: [id, hour, runId],
      });
    }
    for (;;) {
      const [row] = await database.query<{ open: string; failed: string }>({
        text: `select count(*) filter (where r.state in ('queued', 'running')) as open,
                 count(*) filter (where r.state = 'failed') as failed
               from erasure.hours h join etl.window_runs r on r.id = h.run_id where h.request_id = $1`,
        values: [id],
      });
      if (Number(row?.failed ?? 0) > 0) {
        await database.query({
          text: `update erasure.hours h set run_id = null from etl.window_runs r
                 where r.id = h.run_id and r.state = 'failed' and h.request_id = $1`,
          values: [id],
        });
        throw new Error("an hour could not be made anew; it is tried again");
      }
      if (Number(row?.open ?? 0) === 0) return;
      await createWake().wait(waitEveryMs, signal);
      signal.throwIfAborted();
    }
  }

  return { name: "erasure", run, problem: () => problem };
}
