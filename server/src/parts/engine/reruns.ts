/** Reruns of windows by the Spark job: a range of hours, its progress, and the process that starts the job for it. */
import { WeirError } from "../../core/errors.ts";
import type { Queryable } from "../../core/ports/database.ts";

const hourMs = 3_600_000;

export interface SparkRerun {
  readonly id: string;
  readonly state: "open" | "done" | "failed";
  readonly pass: number;
  readonly hours: number;
  /** Of the current pass. */
  readonly doneHours: number;
  /** Raw events of the last pass. */
  readonly rows: number;
  /** Whether any number was wrong. */
  readonly changed: boolean;
  /** Of the job that recomputes it; null before it has begun. */
  readonly owner: string | null;
  readonly error: string | null;
  readonly durationMs: number | null;
}

export interface RangeRequest {
  /** Start of an hour in UTC. */
  readonly from: Date;
  /** Start of an hour in UTC, not part of the range. */
  readonly until: Date;
  /** The caller: a service, `cli`, ... */
  readonly requestedBy: string;
}

/**
 * Requests a rerun by Spark and returns its id; an open one of the same range is continued. Rejects with `invalid_request`
 * when retention has dropped raw events of the range, or when it begins in the future.
 */
export async function requestSparkRerun(
  database: Queryable,
  { from, until, requestedBy }: RangeRequest,
): Promise<string> {
  const hours = [from.getTime() / hourMs, until.getTime() / hourMs];
  const [refusal] = await database.query<{ gone: boolean; oldest: string | null; future: boolean }>(
    {
      text: `select etl.raw_events_gone($1) as gone, etl.oldest_raw_day()::text as oldest,
               $2::timestamptz > clock.latest() + interval '25 hours' as future`,
      values: [Math.floor(from.getTime() / (24 * hourMs)), from],
    },
  );
  if (refusal?.future === true) throw refused("the range begins in the future");
  if (refusal?.gone === true) {
    throw refused(
      `retention has dropped raw events of this range (kept since ${refusal.oldest}): a rerun would lose them`,
    );
  }
  const [row] = await database.query<{ id: string }>({
    text: `with added as (
             insert into engine.reruns (first_hour, until_hour, requested_by) values ($1, $2, $3)
             on conflict (first_hour, until_hour) where state = 'open' do update set requested_by = engine.reruns.requested_by
             returning id
           )
           select id, pg_notify('weir_engine', '') from added`,
    values: [...hours, requestedBy],
  });
  if (row === undefined) throw new Error("engine.reruns took no row.");
  return row.id;
}

/** Undefined when there is no such rerun. */
export async function readSparkRerun(
  database: Queryable,
  id: string,
): Promise<SparkRerun | undefined> {
  const [row] = await database.query<SparkRerun>({
    text: `select r.id, r.state, r.pass, r.until_hour - r.first_hour as hours, r.changed, r.owner, r.error,
             h.done as "doneHours", h.rows as rows,
             (extract(epoch from r.finished_at - r.started_at) * 1000)::int as "durationMs"
           from engine.reruns r
           cross join lateral (
             select count(*)::int as done, coalesce(sum(rows), 0)::float8 as rows
             from engine.rerun_hours d where d.rerun = r.id and d.pass = r.pass) h
           where r.id = $1`,
    values: [id],
  });
  return row;
}

/** The oldest open rerun that no other process supervises; the caller does from now on. Repeat it as a sign of life. */
export async function claimRerun(
  database: Queryable,
  supervisor: string,
): Promise<string | undefined> {
  const [row] = await database.query<{ id: string }>({
    text: `update engine.reruns set supervisor = $1, supervised_at = clock_timestamp()
           where id = (
             select id from engine.reruns
             where state = 'open' and (supervisor is null or supervisor = $1 or supervised_at not between
               clock_timestamp() - interval '15 seconds' and clock_timestamp() + interval '15 seconds')
             order by id limit 1 for no key update skip locked)
           returning id`,
    values: [supervisor],
  });
  return row?.id;
}

/** A sign of life for a claimed rerun; false when it has ended, or another process supervises it. */
export async function holdRerun(
  database: Queryable,
  { id, supervisor }: { readonly id: string; readonly supervisor: string },
): Promise<boolean> {
  const held = await database.query({
    text: `update engine.reruns set supervised_at = clock_timestamp()
           where id = $1 and state = 'open' and supervisor = $2 returning id`,
    values: [id, supervisor],
  });
  return held.length > 0;
}

const mostFailures = 5;

/** Records that a job ended early. A rerun fails when that happens five times in a row without any progress. */
export async function noteRerunFailure(
  database: Queryable,
  { id, error }: { readonly id: string; readonly error: string },
): Promise<void> {
  await database.query({
    text: `with progress as (
             select r.id, h.done, case when h.done > r.failed_at then 1 else r.failures + 1 end as failures
             from engine.reruns r
             cross join lateral (select count(*) as done from engine.rerun_hours where rerun = r.id) h where r.id = $1
           )
           update engine.reruns r set error = left($2, 500), failures = p.failures, failed_at = p.done,
             state = case when p.failures >= $3 then 'failed' else r.state end,
             finished_at = case when p.failures >= $3 then clock_timestamp() end
           from progress p where r.id = p.id and r.state = 'open'`,
    values: [id, error, mostFailures],
  });
}

function refused(detail: string): WeirError {
  return new WeirError("invalid_request", { detail, errors: [{ pointer: "", detail }] });
}
