import type { productSorts, TopProducts } from "@weir/protocol";
import type { Statement } from "../../../core/ports/database.ts";
import { defaultCurrency } from "../currency.ts";
import { unanswerable } from "../invalid-query.ts";
import type { QueryRunner } from "../query-runner.ts";
import { instantOf, type QueryRange, rangeAnswer } from "../range.ts";
import { minutesOf, type SignedRange, signedRanges, windowSizes } from "../spans.ts";

export type ProductSort = (typeof productSorts)[number];

export interface ProductsQuestion {
  readonly range: QueryRange;
  readonly sort: ProductSort;
  readonly currency: string | undefined;
  readonly limit: number;
}

interface ProductRow {
  readonly product_id: string;
  readonly name: string | null;
  readonly category: string | null;
  readonly views: string;
  readonly carts: string;
  readonly purchases: string;
  readonly revenue: { readonly currency: string; readonly amount: string }[] | null;
}

/** The top products by one metric. Revenue is ranked within one currency. */
export async function readProducts(
  runner: QueryRunner,
  question: ProductsQuestion,
  signal: AbortSignal,
): Promise<TopProducts> {
  const { range, sort } = question;
  if (question.currency !== undefined && sort !== "revenue") {
    throw unanswerable("currency", 'is only allowed with "sort=revenue"');
  }
  const answer = await runner.run({ weight: "heavy", signal }, async (connection) => {
    const currency =
      sort === "revenue"
        ? (question.currency ?? (await defaultCurrency(connection, range)))
        : undefined;
    const rows = await connection.query<ProductRow>(rankStatement({ ...question, currency }));
    return { currency: currency ?? null, rows: rows.map(productOf) };
  });
  return { range: rangeAnswer(range), sort, ...answer };
}

function productOf(row: ProductRow): TopProducts["rows"][number] {
  return {
    product_id: row.product_id,
    name: row.name,
    category: row.category,
    views: Number(row.views),
    carts: Number(row.carts),
    purchases: Number(row.purchases),
    revenue: [...(row.revenue ?? [])],
  };
}

/**
 * Ranks by one aggregate over the windows, then reads the other metrics for the few products shown.
 * Products have windows of hours and days; the minutes of partial hours come from the facts, which the
 * ETL writes together with the windows.
 */
function rankStatement({ range, sort, currency, limit }: ProductsQuestion): Statement {
  const { days, hours, minutes } = signedRanges(range);
  const runs = [
    ...days.map((run) => windowsOf("day", run)),
    ...hours.map((run) => windowsOf("hour", run)),
  ];
  const values: unknown[] = [
    runs.map(({ size }) => size),
    runs.map(({ low }) => low),
    runs.map(({ high }) => high),
    runs.map(({ sign }) => sign),
    limit,
  ];
  const next = (value: unknown) => `$${values.push(value)}`;
  const byRevenue = sort === "revenue";
  const kept = byRevenue
    ? `currency = (select id from analytics.currencies where code = ${next(currency ?? "")})`
    : `${sort} <> 0`;
  const table = byRevenue ? "analytics.product_revenue" : "analytics.product_windows";
  // One select per run: with a table of runs, each of half a million rows would pass a join as well.
  const figures = runs.map(
    ({ size, low, high, sign }) => `
      select product_id, ${sign === 1 ? sort : `-${sort}`} as figure from ${table}
      where size = ${next(size)}::smallint and bucket >= ${next(low)}::int
        and bucket < ${next(high)}::int and ${kept}`,
  );
  if (minutes.length > 0 || figures.length === 0) {
    // The type of the windows; otherwise each of their rows is converted before it is summed.
    const own = byRevenue ? sort : `${sort}::int`;
    figures.push(
      `select product_id, ${own} as figure from edges where ${sort} is not null and ${kept}`,
    );
  }
  return {
    text: `
      with edges as materialized (${minutes.length === 0 ? noEdges : edgeProducts(values, minutes)}),
      ranked as materialized (
        select product_id, sum(figure) as figure from (${figures.join(" union all ")}) as parts
        group by product_id having sum(figure) <> 0
        order by figure desc fetch first $5 rows with ties
      )
      select p.key as product_id, p.name, p.category, f.views, f.carts, f.purchases, m.revenue
      from ranked r
      join analytics.products p on p.id = r.product_id
      cross join lateral (
        select coalesce(sum(views), 0) as views, coalesce(sum(carts), 0) as carts,
          coalesce(sum(purchases), 0) as purchases
        from (${countsOfProduct} union all
          select views, carts, purchases from edges where product_id = r.product_id) as parts
      ) f
      left join lateral (
        select json_agg(json_build_object('currency', code, 'amount', trim_scale(amount)::text)
          order by amount desc, code) as revenue
        from (
          select c.code, sum(revenue) as amount
          from (${revenueOfProduct} union all
            select currency, revenue from edges where product_id = r.product_id) as parts
          join analytics.currencies c on c.id = parts.currency
          where revenue is not null group by c.code having sum(revenue) <> 0
        ) as sums
      ) m on true
      order by r.figure desc, p.key limit $5`,
    values,
  };
}

function windowsOf(size: "hour" | "day", { from, to, sign }: SignedRange) {
  const unit = minutesOf[size];
  return { size: windowSizes[size], low: from / unit, high: to / unit, sign };
}

const runTable =
  "unnest($1::smallint[], $2::int[], $3::int[], $4::int[]) as s(size, low, high, sign)";

/** One index probe per window of the range: an index scan cannot skip the buckets between. */
const countsOfProduct = `
  select s.sign * w.views as views, s.sign * w.carts as carts, s.sign * w.purchases as purchases
  from ${runTable}
  cross join lateral generate_series(s.low, s.high - 1) as b(bucket)
  cross join lateral (
    select views, carts, purchases from analytics.product_windows
    where size = s.size and bucket = b.bucket and product_id = r.product_id offset 0
  ) w`;
const revenueOfProduct = `
  select w.currency, s.sign * w.revenue as revenue
  from ${runTable}
  cross join lateral generate_series(s.low, s.high - 1) as b(bucket)
  cross join lateral (
    select currency, revenue from analytics.product_revenue
    where size = s.size and bucket = b.bucket and product_id = r.product_id offset 0
  ) w`;

const noEdges = `
  select null::int as product_id, 0::bigint as views, 0::bigint as carts, 0::bigint as purchases,
    null::smallint as currency, null::numeric as revenue
  where false`;

/**
 * One row per product and currency for the events of some minutes, as the ETL counts them: facts hold
 * the product of events with one product, the raw log those of events with several.
 */
function edgeProducts(values: unknown[], edges: readonly SignedRange[]): string {
  const next = (value: unknown) => `$${values.push(value)}`;
  const parts = edges.map(({ from, to, sign }) => {
    const within = `occurred_at >= ${next(instantOf(from))} and occurred_at < ${next(instantOf(to))}`;
    return `
      select ${sign} as sign, product_id, action, currency, amount from analytics.facts
      where ${within} and product_id is not null and action between 1 and 3
      union all
      select ${sign}, p.id, t.action, c.id, i.amount
      from (
        select event_type, items, amount, currency from engine.counted
        where ${within} and items is not null
          and received_at >= (select etl.received_since(${next(instantOf(from))}))
      ) e
      join analytics.event_types t on t.name = e.event_type and t.action between 1 and 3
      cross join lateral (
        select item ->> 'id' as key, sum((item ->> 'amount')::numeric) as amount
        from json_array_elements(e.items) item where item ->> 'id' is not null group by 1
      ) i
      join analytics.products p on p.key = i.key
      left join analytics.currencies c
        on e.amount is not null and c.code = coalesce(e.currency, 'XXX')`;
  });
  return `
    select product_id, coalesce(sum(sign) filter (where action = 1), 0) as views,
      coalesce(sum(sign) filter (where action = 2), 0) as carts,
      coalesce(sum(sign) filter (where action = 3), 0) as purchases,
      currency, sum(sign * amount) filter (where action = 3 and currency is not null) as revenue
    from (${parts.join(" union all ")}) e group by product_id, currency`;
}
