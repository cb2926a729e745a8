import type { Retention } from "@weir/protocol";
import type { Statement } from "../../../core/ports/database.ts";
import { unanswerable } from "../invalid-query.ts";
import type { QueryRunner } from "../query-runner.ts";
import { instantOf, type QueryRange, rangeAnswer } from "../range.ts";
import { monthOfDay } from "../spans.ts";

const minutesOfDay = 1_440;
/** The periods of a user fit into a 64-bit number without its sign bit. */
const maxPeriods = 62;
const daysOf = { day: 1, week: 7 } as const;

type Period = keyof typeof daysOf;

/**
 * Cohorts of users by the period in which they were first seen, and how many returned in each later
 * period. Periods are UTC days, or weeks from Monday, because the months store bits of UTC days. The
 * range is widened to whole periods, and the answer says which.
 */
export async function readRetention(
  runner: QueryRunner,
  question: { readonly range: QueryRange; readonly period: Period },
  signal: AbortSignal,
): Promise<Retention> {
  const { period } = question;
  const { firstDay, periods } = periodsOf(question.range, period);
  const length = daysOf[period] * minutesOfDay;
  const from = firstDay * minutesOfDay;
  const answer = await runner.run({ weight: "heavy", signal }, async (connection) => {
    const rows = await connection.query<{ cohort: number; returning: string[] }>(
      retentionStatement(firstDay, periods, daysOf[period]),
    );
    const returning = new Map(rows.map((row) => [row.cohort, row.returning.map(Number)]));
    return {
      cohorts: Array.from({ length: periods }, (_, cohort) => {
        const counts = (returning.get(cohort) ?? []).slice(0, periods - cohort);
        const full = counts.length > 0 ? counts : new Array<number>(periods - cohort).fill(0);
        return { start: instantOf(from + cohort * length), users: full[0] ?? 0, returning: full };
      }),
    };
  });
  const range = rangeAnswer({ zone: "UTC", from, to: from + periods * length });
  return { range, period, ...answer };
}

function periodsOf(given: QueryRange, period: Period): { firstDay: number; periods: number } {
  const days = daysOf[period];
  // 1970-01-01 was a Thursday: day 4 was the first Monday.
  const shift = period === "week" ? 4 : 0;
  const first = Math.floor((Math.floor(given.from / minutesOfDay) - shift) / days);
  const end = Math.ceil((Math.ceil(given.to / minutesOfDay) - shift) / days);
  if (end - first > maxPeriods) {
    throw unanswerable(
      "period",
      `the range contains more than ${maxPeriods} periods of a ${period}`,
    );
  }
  return { firstDay: first * days + shift, periods: end - first };
}

/** One pass over the months: the periods of each user as bits, then counted by the lowest bit. */
function retentionStatement(firstDay: number, periods: number, daysOfPeriod: number): Statement {
  const values: unknown[] = [];
  const next = (value: unknown) => `$${values.push(value)}`;
  const cases = monthBits(firstDay, periods, daysOfPeriod).map(({ month, bits }) => {
    const terms = bits.map(
      ({ mask, bit }) =>
        `case when days & ${next(mask)}::int <> 0 then ${next((1n << BigInt(bit)).toString())}::bigint else 0 end`,
    );
    return `when month = ${next(month)}::int then ${terms.join(" | ")}`;
  });
  const start = monthOfDay(firstDay);
  const end = monthOfDay(firstDay + periods * daysOfPeriod - 1);
  const earlier = `month < ${next(start.month)}::int
    or (month = ${next(start.month)}::int and days & ${next(2 ** start.bit - 1)}::int <> 0)`;
  const counts = Array.from(
    { length: periods },
    (_, later) => `count(*) filter (where (seen >> least(cohort + ${later}, 63)) & 1 = 1)`,
  );
  return {
    text: `
      select cohort, array[${counts.join(", ")}]::text[] as returning
      from (
        -- the number of the lowest bit: how many bits the number below it has
        select seen, bit_count(((seen & -seen) - 1)::bit(64))::int as cohort
        from (
          select user_id, bit_or(case ${cases.join(" ")} else 0 end) as seen
          from analytics.user_months
          where month <= ${next(end.month)}::int
          group by user_id
          having not bool_or(${earlier})
        ) as users
        where seen <> 0
      ) as cohorts
      group by cohort order by cohort`,
    values,
  };
}

/** The day bits of each month that belong to each period. */
function monthBits(firstDay: number, periods: number, daysOfPeriod: number) {
  const months = new Map<number, Map<number, number>>();
  for (let index = 0; index < periods * daysOfPeriod; index++) {
    const { month, bit } = monthOfDay(firstDay + index);
    const masks = months.get(month) ?? new Map<number, number>();
    months.set(month, masks);
    const period = Math.floor(index / daysOfPeriod);
    masks.set(period, (masks.get(period) ?? 0) | (1 << bit));
  }
  return [...months].map(([month, masks]) => ({
    month,
    bits: [...masks].map(([bit, mask]) => ({ bit, mask })),
  }));
}
