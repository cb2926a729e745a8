import type { Breakdown } from "@weir/protocol";
import { nearestName } from "../../../core/nearest-name.ts";
import type { Queryable } from "../../../core/ports/database.ts";
import { invalidQuery } from "../invalid-query.ts";
import type { QueryRunner } from "../query-runner.ts";
import { instantOf, previousRange, type QueryRange, rangeAnswer } from "../range.ts";
import { spanTable, spanValues, windowSpans } from "../spans.ts";

export interface BreakdownQuestion {
  readonly range: QueryRange;
  readonly by: string;
  readonly metric: "events" | "users";
  readonly limit: number;
}

type Answered = Omit<Breakdown, "range" | "by" | "metric" | "freshness">;

const windowNames: Readonly<Record<string, { column: string; names: string }>> = {
  event_type: { column: "event_type", names: "analytics.event_types" },
  source: { column: "service_id", names: "auth.services" },
};
const factColumns: Readonly<Record<string, { column: string; name: string; join: string }>> = {
  event_type: {
    column: "event_type",
    name: "n.name",
    join: "left join analytics.event_types n on n.id = g.value",
  },
  source: {
    column: "service_id",
    name: "n.name",
    join: "left join auth.services n on n.id = g.value",
  },
  user: {
    column: "user_id",
    name: "n.key",
    join: "left join analytics.users n on n.id = g.value",
  },
  currency: {
    column: "currency",
    name: "n.code",
    join: "left join analytics.currencies n on n.id = g.value",
  },
};
const rawColumns: Readonly<Record<string, string>> = { product: "product_key" };

/** Dimensions of a breakdown, besides paths such as `properties.<path>`. */
const plainNames = [
  ...new Set([
    ...Object.keys(windowNames),
    ...Object.keys(factColumns),
    ...Object.keys(rawColumns),
  ]),
  "country",
];

/** For the API document; `pathOf` refuses all else with the nearest name. */
export const dimensionPattern = `^(?:${plainNames.join("|")}|(?:properties|product|context|data)(?:\\.[^.\\u0000]+){1,9})$`;

/**
 * Events or users per value of one dimension, largest first. Event types and sources are counted from
 * windows. Everything else reads single events: slower, time-limited, and marked as `from_raw`.
 */
export async function readBreakdown(
  runner: QueryRunner,
  question: BreakdownQuestion,
  signal: AbortSignal,
): Promise<Breakdown> {
  const { range, by, metric } = question;
  const path = pathOf(by);
  const inWindows = metric === "events" && by in windowNames;
  const weight = inWindows ? "light" : "freeForm";
  const answer = await runner.run<Answered>({ weight, signal }, (connection) => {
    if (inWindows) return fromWindows(connection, question);
    if (by in factColumns) return fromFacts(connection, question);
    return fromRaw(connection, question, path);
  });
  return { range: rangeAnswer(range), by, metric, ...answer };
}

/** Reads `properties.a.b`, `product.x`, `context.x` or `data.x` as a path into the payload. */
function pathOf(by: string): string[] | undefined {
  if (by === "country") return ["properties", "country"];
  if (plainNames.includes(by)) return undefined;
  const path = by.split(".");
  const [root = ""] = path;
  const roots = ["properties", "product", "context", "data"];
  if (path.length < 2 || path.length > 10 || path.includes("") || !roots.includes(root)) {
    const near = nearestName(by, plainNames);
    throw invalidQuery(
      "by",
      `must be one of ${plainNames.join(", ")}, or a path such as properties.plan${
        near === undefined ? "" : `; did you mean "${near}"?`
      }`,
    );
  }
  return path;
}

interface CountRow {
  readonly value: string | null;
  readonly count: string;
  readonly previous?: string;
  readonly total: string;
}

async function fromWindows(
  connection: Queryable,
  { range, by, limit }: BreakdownQuestion,
): Promise<Answered> {
  const { column, names } = windowNames[by] ?? { column: "", names: "" };
  const rows = await connection.query<CountRow>({
    text: `
      select n.name as value, g.count, g.previous, sum(g.count) over () as total
      from (
        select w.value, coalesce(sum(w.events) filter (where s.point = 0), 0) as count,
          coalesce(sum(w.events) filter (where s.point = 1), 0) as previous
        from ${spanTable}
        cross join lateral (
          select ${column} as value, sum(events) as events from analytics.window_counts
          where size = s.size and bucket >= s.low and bucket < s.high
          group by ${column}
        ) w
        group by w.value
      ) g
      join ${names} n on n.id = g.value
      where g.count > 0
      order by g.count desc, n.name limit $5`,
    values: [...spanValues(windowSpans([range, previousRange(range)])), limit],
  });
  return answerOf(rows, { from_raw: false, adds: true });
}

async function fromFacts(
  connection: Queryable,
  { range, by, metric, limit }: BreakdownQuestion,
): Promise<Answered> {
  const { column, name, join } = factColumns[by] ?? { column: "", name: "", join: "" };
  const rows = await connection.query<CountRow>({
    text: `
      select ${name} as value, g.count, sum(g.count) over () as total
      from (${grouped(
        metric,
        `select ${column} as value, user_id as person from analytics.facts
        where occurred_at >= $1 and occurred_at < $2`,
      )}) g
      ${join}
      order by g.count desc, ${name} limit $3`,
    values: [instantOf(range.from), instantOf(range.to), limit],
  });
  return answerOf(rows, { from_raw: true, adds: metric === "events" });
}

async function fromRaw(
  connection: Queryable,
  { range, by, metric, limit }: BreakdownQuestion,
  path: readonly string[] | undefined,
): Promise<Answered> {
  const column = path === undefined ? rawColumns[by] : valueAt("$4::text[]");
  const rows = await connection.query<CountRow>({
    text: `
      select g.value, g.count, sum(g.count) over () as total
      from (${grouped(
        metric,
        `select ${column} as value, user_key as person from raw.events
        where occurred_at >= $1 and occurred_at < $2
          and received_at >= (select etl.received_since($1::timestamptz))`,
      )}) g
      order by g.count desc, g.value limit $3`,
    values: [
      instantOf(range.from),
      instantOf(range.to),
      limit,
      ...(path === undefined ? [] : [path]),
    ],
  });
  return answerOf(rows, { from_raw: true, adds: metric === "events" });
}

/** The text at a path of the payload; a CloudEvent has its properties in `data`. */
export function valueAt(path: string): string {
  return `left(coalesce(payload::json #>> ${path},
    case when format = 2 then payload::json -> 'data' #>> ${path} end), 500)`;
}

/** count(distinct) sorts and is not parallel: grouping twice is neither. */
function grouped(metric: "events" | "users", events: string): string {
  return metric === "events"
    ? `select value, count(*) as count from (${events}) e group by value`
    : `select value, count(*) as count from (
         select value, person from (${events}) e where person is not null group by value, person
       ) p group by value`;
}

function answerOf(
  rows: readonly CountRow[],
  { from_raw, adds }: { from_raw: boolean; adds: boolean },
): Answered {
  const total = Number(rows[0]?.total ?? 0);
  const shown = rows.reduce((sum, row) => sum + Number(row.count), 0);
  return {
    rows: rows.map((row) => ({
      value: row.value,
      count: Number(row.count),
      previous: row.previous === undefined ? null : Number(row.previous),
      share: total === 0 ? 0 : Number(row.count) / total,
    })),
    other: adds ? total - shown : 0,
    from_raw,
  };
}
