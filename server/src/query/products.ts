import type { productSorts, TopProducts } from "@weir/protocol";
import type { Statement } from "../core/database.ts";
import type { Asker } from "./ask.ts";
import { defaultCurrency } from "./currency.ts";
import { invalidQuery } from "./invalid-query.ts";
import { type AskedRange, instantOf, rangeAnswer } from "./range.ts";
import { brokenHours, type MinuteRange, spanTable, spanValues, windowSpans } from "./spans.ts";

export type ProductSort = (typeof productSorts)[number];

export interface ProductsQuestion {
  readonly range: AskedRange;
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

/** The first products by one figure. Revenue is ranked within one currency. */
export async function readProducts(
  asker: Asker,
  question: ProductsQuestion,
  signal: AbortSignal,
): Promise<TopProducts> {
  const { range, sort } = question;
  if (question.currency !== undefined && sort !== "revenue") {
    throw invalidQuery("currency", 'belongs to "sort=revenue" only');
  }
  const answer = await asker.ask({ weight: "heavy", signal }, async (connection) => {
    const currency =
      sort === "revenue"
        ? (question.currency ?? (await defaultCurrency(connection, range)))
        : undefined;
    const edges = brokenHours(range);
    const statement = rankStatement({ ...question, currency }, edges);
    const rows = await connection.query<ProductRow>(statement);
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
 * Ranks by one aggregate over the windows, then looks the other figures up for the few that are
 * shown. Products are kept by the hour, so the minutes of broken hours come from the raw events, and
 * only from those that the windows have taken in.
 */
function rankStatement(
  { range, sort, currency, limit }: ProductsQuestion,
  edges: readonly MinuteRange[],
): Statement {
  const spans = windowSpans([range], "hour");
  const values: unknown[] = [...spanValues(spans), limit];
  const next = (value: unknown) => `$${values.push(value)}`;
  const byRevenue = sort === "revenue";
  const kept = byRevenue
    ? `currency = (select id from analytics.currencies where code = ${next(currency ?? "")})`
    : `${sort} > 0`;
  const table = byRevenue ? "analytics.product_revenue" : "analytics.product_windows";
  // One select a run: joined to a table of runs, each of half a million rows passes a join as well.
  const figures = spans.sizes.map(
    (size, index) => `
      select product_id, ${sort} as figure from ${table}
      where size = ${next(size)}::smallint and bucket >= ${next(spans.lows[index])}::int
        and bucket < ${next(spans.highs[index])}::int and ${kept}`,
  );
  if (edges.length > 0 || figures.length === 0) {
    // Of the windows' own type: else each of their rows is converted before it is summed.
    const own = byRevenue ? sort : `${sort}::int`;
    figures.push(
      `select product_id, ${own} as figure from edges where ${sort} is not null and ${kept}`,
    );
  }
  return {
    text: `
      with edges as materialized (${edges.length === 0 ? noEdges : edgeProducts(values, edges)}),
      ranked as materialized (
        select product_id, sum(figure) as figure from (${figures.join(" union all ")}) as parts
        group by product_id order by figure desc fetch first $5 rows with ties
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
          where revenue is not null group by c.code
        ) as sums
      ) m on true
      order by r.figure desc, p.key limit $5`,
    values,
  };
}

/** Each window of the range is one probe: an index has no skip over the buckets between. */
const countsOfProduct = `
  select w.views, w.carts, w.purchases
  from ${spanTable}
  cross join lateral generate_series(s.low, s.high - 1) as b(bucket)
  cross join lateral (
    select views, carts, purchases from analytics.product_windows
    where size = s.size and bucket = b.bucket and product_id = r.product_id offset 0
  ) w`;
const revenueOfProduct = `
  select w.currency, w.revenue
  from ${spanTable}
  cross join lateral generate_series(s.low, s.high - 1) as b(bucket)
  cross join lateral (
    select currency, revenue from analytics.product_revenue
    where size = s.size and bucket = b.bucket and product_id = r.product_id offset 0
  ) w`;

const noEdges = `
  select null::int as product_id, 0::bigint as views, 0::bigint as carts, 0::bigint as purchases,
    null::smallint as currency, null::numeric as revenue
  where false`;

/** The products of the raw events in broken hours, one row a product and currency, as the ETL counts them. */
function edgeProducts(values: unknown[], edges: readonly MinuteRange[]): string {
  const next = (value: unknown) => `$${values.push(value)}`;
  const events = edges.map(
    ({ from, to }) => `
      select event_type, product_key, items, amount, currency from raw.events
      where occurred_at >= ${next(instantOf(from))} and occurred_at < ${next(instantOf(to))}
        and received_at >= ${next(instantOf(from - 1_500))}
        and pg_visible_in_snapshot(xid, (select position from etl.cursors where reader = 'windows'))
        and (product_key is not null or items is not null)`,
  );
  return `
    select p.id as product_id,
      count(*) filter (where t.action = 1) as views, count(*) filter (where t.action = 2) as carts,
      count(*) filter (where t.action = 3) as purchases, c.id as currency,
      sum(i.amount) filter (where t.action = 3) as revenue
    from (${events.join(" union all ")}) e
    join analytics.event_types t on t.name = e.event_type and t.action between 1 and 3
    cross join lateral (
      select e.product_key as key, e.amount where e.items is null
      union all
      select item ->> 'id', sum((item ->> 'amount')::numeric)
      from json_array_elements(e.items) item
      where e.items is not null and item ->> 'id' is not null group by 1
    ) i
    join analytics.products p on p.key = i.key
    left join analytics.currencies c
      on e.amount is not null and c.code = coalesce(e.currency, 'XXX')
    group by p.id, c.id`;
}
