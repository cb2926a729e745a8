import type { Funnel } from "@weir/protocol";
import type { Queryable, Statement } from "../../../core/ports/database.ts";
import type { QueryRunner } from "../query-runner.ts";
import { instantOf, type QueryRange, rangeAnswer } from "../range.ts";
import type { MinuteRange } from "../spans.ts";
import { actionNumbers } from "./overview.ts";
import { countViewers } from "./users.ts";

export const stepsPattern = "^[^,\\u0000]{1,128}(?:,[^,\\u0000]{1,128}){1,7}$";
/** At most 30 days in each of the units. */
export const withinPattern =
  "^(?:(?:[1-9]|[12][0-9]|30)d|(?:[1-9][0-9]?|[1-6][0-9]{2}|7[01][0-9]|720)h|(?:[1-9][0-9]{0,3}|[1-3][0-9]{4}|4[0-2][0-9]{3}|43[01][0-9]{2}|43200)m|(?:[1-9][0-9]{0,5}|1[0-9]{6}|2[0-4][0-9]{5}|25[0-8][0-9]{4}|259[01][0-9]{3}|2592000)s)$";
const units: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3_600, d: 86_400 };

/** The seconds of `24h`, `30m`, `90s` or `7d`, which fits `withinPattern`. */
export function readWithin(value: unknown): number {
  const text = String(value ?? "24h");
  return Number(text.slice(0, -1)) * (units[text.slice(-1)] ?? Number.NaN);
}

/** The event types of `a,b,c`, which fits `stepsPattern`, in order. */
export function readSteps(value: unknown): string[] | undefined {
  return value === undefined ? undefined : String(value).split(",");
}

/**
 * The users who complete each step, in order, with the last step at most `withinSeconds` after the
 * first, all inside the range. Any chain counts, not only the first one; two steps may have the same
 * instant. Without `steps` it is the commerce funnel (view, cart, purchase), read from the key facts.
 * Free steps read single events.
 */
export async function readFunnel(
  runner: QueryRunner,
  question: { range: QueryRange; steps: string[] | undefined; withinSeconds: number },
  signal: AbortSignal,
): Promise<Funnel> {
  const { range, steps, withinSeconds } = question;
  const weight = steps === undefined ? "heavy" : "freeForm";
  const answer = await runner.run({ weight, signal }, async (connection) => {
    const counts =
      steps === undefined
        ? await countCommerce(connection, range, withinSeconds)
        : await countSteps(connection, range, { steps, withinSeconds });
    const names = steps ?? ["view", "cart", "purchase"];
    return {
      steps: names.map((name, index) => ({
        name,
        users: counts[index] ?? 0,
        from_previous: index === 0 ? null : ratio(counts[index], counts[index - 1]),
        from_first: index === 0 ? null : ratio(counts[index], counts[0]),
      })),
    };
  });
  return {
    range: rangeAnswer(range),
    kind: steps === undefined ? "commerce" : "free",
    within_s: withinSeconds,
    ...answer,
  };
}

function ratio(part = 0, whole = 0): number | null {
  return whole === 0 ? null : part / whole;
}

/**
 * A row of the key facts holds the view of the chain that ends with it and starts last: for a purchase,
 * through the latest cart before it. If any chain is short enough, this one is.
 */
async function countCommerce(
  connection: Queryable,
  range: MinuteRange,
  withinSeconds: number,
): Promise<number[]> {
  const views = await countViewers(connection, range);
  const usersWith = (action: number) =>
    `bit_or(1::bigint << (user_id & 63)) filter (where action = ${action})`;
  // Sets of 64 users per row, see distinctUsers.
  const [row] = await connection.query<{ carts: string; purchases: string }>({
    text: `
      select coalesce(sum(bit_count(carted::bit(64))), 0) as carts,
        coalesce(sum(bit_count(bought::bit(64))), 0) as purchases
      from (
        select ${usersWith(actionNumbers.cart)} as carted, ${usersWith(actionNumbers.purchase)} as bought
        from analytics.key_facts
        where occurred_at >= $1 and occurred_at < $2
          and last_view_at >= greatest($1::timestamptz, occurred_at - $3::int * interval '1 second')
        group by user_id >> 6
      ) as blocks`,
    values: [instantOf(range.from), instantOf(range.to), withinSeconds],
  });
  return [views, Number(row?.carts ?? 0), Number(row?.purchases ?? 0)];
}

/** Free steps: one sort of the events of the steps by user and time, then one pass per step. */
async function countSteps(
  connection: Queryable,
  range: MinuteRange,
  funnel: { steps: readonly string[]; withinSeconds: number },
): Promise<number[]> {
  const types = await connection.query<{ id: number; name: string }>({
    text: "select id, name from analytics.event_types where name = any ($1::text[])",
    values: [funnel.steps],
  });
  const ids = new Map(types.map(({ id, name }) => [name, id]));
  // Ids start at 1: a type that was never seen matches nothing.
  const steps = funnel.steps.map((name) => ids.get(name) ?? 0);
  const [row] = await connection.query<Record<string, string>>(
    stepsStatement(range, { steps, withinSeconds: funnel.withinSeconds }),
  );
  return steps.map((_, index) => Number(row?.[`s${index}`] ?? 0));
}

function stepsStatement(
  range: MinuteRange,
  { steps, withinSeconds }: { steps: readonly number[]; withinSeconds: number },
): Statement {
  const types = [...new Set(steps)];
  // Events of the same instant are read in the order of their types' first step.
  let chains = `
    select user_id, occurred_at, array_position($4::int[], event_type) as kind,
      case when event_type = ($4::int[])[1] then occurred_at end as c0
    from analytics.facts
    where occurred_at >= $1 and occurred_at < $2 and user_id is not null
      and event_type = any ($4::int[])`;
  for (const [index, step] of steps.entries()) {
    if (index === 0) continue;
    const earlier = Array.from({ length: index }, (_, before) => `c${before}`);
    // The latest start of a chain that an earlier event brought to the step before.
    chains = `
      select user_id, occurred_at, kind, ${earlier.join(", ")},
        case when kind = ${types.indexOf(step) + 1} then
          max(c${index - 1}) over (partition by user_id order by occurred_at, kind
            rows between unbounded preceding and 1 preceding)
        end as c${index}
      from (${chains}) as s${index}`;
  }
  const reached = steps.map((_, index) => `count(*) filter (where r${index}) as s${index}`);
  const flags = steps.map(
    (_, index) => `bool_or(occurred_at - c${index} <= $3::int * interval '1 second') as r${index}`,
  );
  return {
    text: `
      select ${reached.join(", ")}
      from (select ${flags.join(", ")} from (${chains}) as chains group by user_id) as users`,
    values: [instantOf(range.from), instantOf(range.to), withinSeconds, types],
  };
}
