/**
 * Recomputes windows from raw events by independent queries and compares every analytics table. One day
 * at a time, each in one snapshot in which position and tables agree: it is exact while events keep
 * arriving, holds no lock, and needs disk space for one day and little memory.
 */
import type { Database, Queryable } from "../../core/ports/database.ts";
import { type Check, checks } from "./audit-checks.ts";

export interface AuditOptions {
  /** UTC days by the events' own time; absent: all days. */
  readonly from?: Date;
  readonly to?: Date;
  /** Audits only this many days, chosen at random. */
  readonly sampleDays?: number;
  readonly random?: () => number;
  readonly signal?: AbortSignal;
}

export type AuditReport =
  | {
      readonly kind: "day";
      readonly day: Date;
      readonly events: number;
      readonly differences: number;
      /** Why it was not compared: retention has dropped some of its raw events. */
      readonly skipped?: "raw events dropped";
      readonly done: number;
      readonly total: number;
    }
  | {
      readonly kind: "difference";
      readonly day: Date;
      readonly table: string;
      /** Which row: window, subject. */
      readonly label: string;
      /** From raw events; null: the row should not exist. */
      readonly expected: string | null;
      /** null: the row is missing. */
      readonly found: string | null;
    };

const dayMs = 86_400_000;
/** Per table and day, so that one damaged table does not hide the others. */
const shownDifferences = 20;
const dayTimeoutMs = 1_800_000;

export async function* audit(
  database: Database,
  options: AuditOptions = {},
): AsyncGenerator<AuditReport> {
  const days = await chooseDays(database, options);
  let done = 0;
  for (const day of days) {
    options.signal?.throwIfAborted();
    const start = new Date(day * dayMs);
    done += 1;
    const result = await database.transaction((connection) => auditDay(connection, day), {
      isolation: "repeatable read",
      timeoutMs: dayTimeoutMs,
    });
    for (const difference of result.differences)
      yield { kind: "difference", day: start, ...difference };
    yield {
      kind: "day",
      day: start,
      events: result.events,
      differences: result.count,
      ...(result.isGone ? { skipped: "raw events dropped" as const } : {}),
      done,
      total: days.length,
    };
  }
}

async function chooseDays(database: Database, options: AuditOptions): Promise<number[]> {
  const rows = await database.query<{ day: number }>(
    {
      // jumps from day to day by the log's index on occurred_at, without reading the whole log
      text: `with recursive log_day as (
               select floor(extract(epoch from min(occurred_at)) / 86400)::int as day from raw.events
               union all
               select (select floor(extract(epoch from min(occurred_at)) / 86400)::int from raw.events
                       where occurred_at >= timestamptz 'epoch' + (day + 1) * interval '24 hours')
               from log_day where day is not null
             )
             select day from (
               select bucket as day from analytics.window_totals where size = 3
               union
               select day from log_day where day is not null
             ) d where ($1::timestamptz is null or day >= floor(extract(epoch from $1::timestamptz) / 86400))
               and ($2::timestamptz is null or day < extract(epoch from $2::timestamptz) / 86400)
             order by day`,
      values: [options.from ?? null, options.to ?? null],
    },
    { timeoutMs: dayTimeoutMs },
  );
  const days = rows.map(({ day }) => day);
  if (options.sampleDays === undefined) return days;
  const random = options.random ?? Math.random;
  return days
    .map((day) => ({ day, order: random() }))
    .sort((a, b) => a.order - b.order)
    .slice(0, options.sampleDays)
    .map(({ day }) => day)
    .sort((a, b) => a - b);
}

interface Difference {
  readonly table: string;
  readonly label: string;
  readonly expected: string | null;
  readonly found: string | null;
}

interface DayResult {
  readonly events: number;
  readonly isGone: boolean;
  readonly count: number;
  readonly differences: readonly Difference[];
}

async function auditDay(connection: Queryable, day: number): Promise<DayResult> {
  const within = { timeoutMs: dayTimeoutMs };
  await connection.query({ text: "select set_config('work_mem', '64MB', true)" });
  const [state] = await connection.query<{ gone: boolean }>({
    text: "select etl.raw_events_gone($1) as gone",
    values: [day],
  });
  if (state?.gone === true) return { events: 0, isGone: true, count: 0, differences: [] };
  await stageDay(connection, day);
  const [staged] = await connection.query<{ events: string }>({
    text: "select count(*) as events from audit_events",
  });
  const differences: Difference[] = [];
  let count = 0;
  for (const check of checks) {
    const rows = await connection.query<Difference & { count: string }>(
      compareStatement(check, day),
      within,
    );
    count += Number(rows[0]?.count ?? 0);
    for (const { label, expected, found } of rows) {
      differences.push({ table: check.table, label, expected, found });
    }
  }
  return { events: Number(staged?.events), isGone: false, count, differences };
}

/** Both sides of every comparison contain $1, so the statement always needs it. */
function compareStatement(check: Check, day: number): { text: string; values: unknown[] } {
  return {
    text: `select label, e.value as expected, f.value as found, count(*) over () as count
           from (${check.expected}) e full join (${check.found}) f using (label)
           where e.value is distinct from f.value and $1::int is not null
           order by label limit ${shownDifferences}`,
    values: [day],
  };
}

/** `audit_events`: the day. `audit_sessions`: those that start in it, followed to their ends. */
async function stageDay(connection: Queryable, day: number): Promise<void> {
  const within = { timeoutMs: dayTimeoutMs };
  const start = new Date(day * dayMs);
  await connection.query(
    {
      // actions from the configuration, not from the ETL's tables
      text: `create temporary table audit_events on commit drop as
             select event_id, service_id, format, occurred_at, user_key, product_key, amount, currency, event_type,
               items, payload, coalesce(a.action, 0) as action
             from engine.counted r left join etl.event_type_actions a on a.name = r.event_type
             where ${literalRange(start, 0, dayMs)}`,
    },
    within,
  );
  await connection.query({
    text: `create temporary table audit_products on commit drop as
           select e.occurred_at, e.event_id || ' ' || e.service_id as event, e.action,
             case when e.amount is not null then coalesce(e.currency, 'XXX') end as currency,
             case when i.id is null then e.product_key else i.id end as product,
             case when i.id is null then e.amount else i.amount end as amount
           from audit_events e left join lateral (
             select item ->> 'id' as id, (item ->> 'amount')::numeric as amount from json_array_elements(e.items) item
           ) i on true
           where e.action in (1, 2, 3) and case when e.items is null then e.product_key else i.id end is not null`,
  });
  await connection.query({
    text: `create temporary table audit_points on commit drop as
           select user_key, occurred_at, action from audit_events where user_key is not null`,
  });
  const from = new Date(start.getTime());
  await addPoints(connection, from, { after: -30 * 60_000, before: 0 });
  let reach = dayMs;
  // sessions still open at the end are followed further: an hour, then two, ...
  for (let further = 3_600_000; ; further *= 2) {
    await addPoints(connection, from, { after: reach, before: reach + further });
    reach += further;
    await makeSessions(connection, start);
    const [open] = await connection.query({
      text: "select 1 from audit_sessions where ended_at >= $1::timestamptz - interval '30 minutes' limit 1",
      values: [new Date(start.getTime() + reach)],
    });
    if (open === undefined) return;
    await connection.query({ text: "drop table audit_sessions" });
  }
}

async function addPoints(
  connection: Queryable,
  start: Date,
  { after, before }: { readonly after: number; readonly before: number },
): Promise<void> {
  await connection.query(
    {
      text: `insert into audit_points
             select user_key, occurred_at, coalesce(a.action, 0)
             from engine.counted r left join etl.event_type_actions a on a.name = r.event_type
             where user_key is not null and ${literalRange(start, after, before)}`,
    },
    { timeoutMs: dayTimeoutMs },
  );
}

async function makeSessions(connection: Queryable, start: Date): Promise<void> {
  await connection.query(
    {
      text: `create temporary table audit_sessions on commit drop as
             select user_key, min(occurred_at) as started_at, max(occurred_at) as ended_at, count(*) as events,
               count(*) filter (where action = 3) as purchases
             from (
               select *, count(*) filter (where gap is null or gap > interval '30 minutes')
                 over (partition by user_key order by occurred_at) as session
               from (
                 select *, occurred_at - lag(occurred_at) over (partition by user_key order by occurred_at) as gap
                 from audit_points
               ) g
             ) s group by user_key, session
             having ${literalRange(start, 0, dayMs).replaceAll("occurred_at", "min(occurred_at)")}`,
    },
    { timeoutMs: dayTimeoutMs },
  );
}

/** Utility statements accept no parameters; these are Weir's own numbers, not user input. */
function literalRange(start: Date, after: number, before: number): string {
  const from = new Date(start.getTime() + after).toISOString();
  const until = new Date(start.getTime() + before).toISOString();
  return `occurred_at >= timestamptz '${from}' and occurred_at < timestamptz '${until}'`;
}
