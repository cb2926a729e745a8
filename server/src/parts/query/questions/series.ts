import { type Granularity, type Metric, metrics, type Series } from "@weir/protocol";
import type { Queryable } from "../../../core/ports/database.ts";
import { defaultCurrency } from "../currency.ts";
import { unanswerable } from "../invalid-query.ts";
import type { QueryRunner } from "../query-runner.ts";
import { instantOf, previousRange, type QueryRange, rangeAnswer } from "../range.ts";
import { type MinuteRange, minutesOf, spanTable, spanValues, windowSpans } from "../spans.ts";
import { bucketStarts } from "../time-zone.ts";
import { actionNumbers } from "./overview.ts";
import type { UserCounts } from "./users.ts";

const maxPoints = 1_500;

export interface SeriesQuestion {
  readonly range: QueryRange;
  readonly metric: Metric;
  readonly granularity: Granularity;
  readonly currency: string | undefined;
  readonly eventType: string | undefined;
  readonly source: string | undefined;
  readonly compare: boolean;
}

const countActions: Partial<Record<Metric, number>> = {
  views: actionNumbers.view,
  carts: actionNumbers.cart,
  purchases: actionNumbers.purchase,
};

/** One value per bucket, empty buckets included. @throws WeirError unanswerable_query */
export async function readSeries(
  { runner, userCounts }: { readonly runner: QueryRunner; readonly userCounts: UserCounts },
  question: SeriesQuestion,
  signal: AbortSignal,
): Promise<Series> {
  checkFilters(question);
  const { range, metric, granularity } = question;
  const ranges = bucketsOf(range, granularity);
  const before = question.compare ? bucketsOf(previousRange(range), granularity) : [];
  const weight = metric === "users" ? "heavy" : "light";
  const answer = await runner.run({ weight, signal }, async (connection) => {
    const currency =
      metric === "revenue"
        ? (question.currency ?? (await defaultCurrency(connection, range)))
        : undefined;
    const all = [...ranges, ...before];
    const values =
      metric === "users"
        ? await readUsers(connection, all, userCounts)
        : await readValues(connection, { ...question, currency }, all);
    const points = all.map(({ from }, index) => ({
      start: instantOf(from),
      value: values.get(index) ?? "0",
    }));
    return {
      currency: currency ?? null,
      points: points.slice(0, ranges.length),
      previous: question.compare ? points.slice(ranges.length) : null,
    };
  });
  return { range: rangeAnswer(range), metric, granularity, ...answer };
}

/** Which filters a metric allows: only the dimensions of its windows. */
function checkFilters({ metric, currency, eventType, source }: SeriesQuestion): void {
  const counted = metric === "events" || metric in countActions;
  if (currency !== undefined && metric !== "revenue") {
    throw unanswerable("currency", 'belongs to the metric "revenue" only');
  }
  if (eventType !== undefined && !counted) {
    throw unanswerable(
      "event_type",
      `the metric "${metric}" cannot be filtered by event type; use events, views, carts or purchases`,
    );
  }
  if (source !== undefined && !counted && metric !== "revenue") {
    const known = metrics.filter((name) => name === "events" || name in countActions);
    throw unanswerable(
      "source",
      `the metric "${metric}" cannot be filtered by source; use ${known.join(", ")} or revenue`,
    );
  }
}

function bucketsOf(range: QueryRange, granularity: Granularity): MinuteRange[] {
  const starts = bucketStarts({ ...range, granularity }, maxPoints);
  if (starts === undefined) {
    throw unanswerable(
      "granularity",
      `gives more than ${maxPoints} points for this range; use a coarser granularity or a shorter range`,
    );
  }
  return starts.map((from, index) => ({ from, to: starts[index + 1] ?? range.to }));
}

type Values = Map<number, string>;
interface ValueRow {
  readonly point: number;
  readonly value: string | null;
}

async function readValues(
  connection: Queryable,
  question: SeriesQuestion,
  ranges: readonly MinuteRange[],
): Promise<Values> {
  const spans = spanValues(windowSpans(ranges));
  const { text, values } = valueStatement(question);
  const rows = await connection.query<ValueRow>({ text, values: [...spans, ...values] });
  return new Map(rows.map(({ point, value }) => [point, String(value ?? "0")]));
}

function valueStatement(question: SeriesQuestion): { text: string; values: unknown[] } {
  const { metric, source, eventType, currency } = question;
  if (metric === "sessions" || metric === "conversion") {
    const value =
      metric === "sessions"
        ? "sum(w.sessions)"
        : "trim_scale(round(sum(w.converted)::numeric / nullif(sum(w.sessions), 0), 6))";
    return {
      text: `
        select s.point, ${value} as value
        from ${spanTable}
        cross join lateral (
          select sum(sessions) as sessions, sum(converted_sessions) as converted
          from analytics.window_totals
          where size = s.size and bucket >= s.low and bucket < s.high
        ) w
        group by s.point`,
      values: [],
    };
  }
  if (metric === "revenue") {
    return {
      text: `
        select s.point, trim_scale(sum(w.revenue)) as value
        from ${spanTable}
        cross join lateral (
          select sum(revenue) as revenue from analytics.window_revenue
          where size = s.size and bucket >= s.low and bucket < s.high
            and currency = (select id from analytics.currencies where code = $5::text)
            and ($6::text is null
              or service_id = (select id from auth.services where name = $6::text))
        ) w
        group by s.point`,
      values: [currency ?? null, source ?? null],
    };
  }
  return {
    text: `
      select s.point, sum(w.events) as value
      from ${spanTable}
      cross join lateral (
        select sum(events) as events from analytics.window_counts
        where size = s.size and bucket >= s.low and bucket < s.high
          and ($5::int is null
            or event_type = any (array(select id from analytics.event_types where action = $5::int)))
          and ($6::text is null
            or event_type = (select id from analytics.event_types where name = $6::text))
          and ($7::text is null
            or service_id = (select id from auth.services where name = $7::text))
      ) w
      group by s.point`,
    values: [countActions[metric] ?? null, eventType ?? null, source ?? null],
  };
}

/** A bucket that is a UTC window already has its users counted; others are counted from the bits. */
async function readUsers(
  connection: Queryable,
  ranges: readonly MinuteRange[],
  userCounts: UserCounts,
): Promise<Values> {
  const values: Values = new Map();
  const windows = windowSpans(ranges);
  const whole: number[] = [];
  const uncounted: number[] = [];
  for (const [point, range] of ranges.entries()) {
    (isWindow(range) ? whole : uncounted).push(point);
  }
  const rows = await connection.query<ValueRow>({
    text: `
      select s.point, w.users as value
      from ${spanTable}
      join analytics.window_totals w on w.size = s.size and w.bucket = s.low
      where s.point = any ($5::int[])`,
    values: [...spanValues(windows), whole],
  });
  for (const { point, value } of rows) values.set(point, String(value));
  const counts = await userCounts.countEach(
    connection,
    uncounted.flatMap((point) => ranges[point] ?? []),
  );
  for (const [index, point] of uncounted.entries()) values.set(point, String(counts[index] ?? 0));
  return values;
}

function isWindow({ from, to }: MinuteRange): boolean {
  const length = to - from;
  const sizes: readonly number[] = Object.values(minutesOf);
  return sizes.includes(length) && from % length === 0;
}
