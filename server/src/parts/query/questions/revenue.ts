import type { Revenue } from "@weir/protocol";
import type { QueryRunner } from "../query-runner.ts";
import { previousRange, type QueryRange, rangeAnswer } from "../range.ts";
import { spanTable, spanValues, windowSpans } from "../spans.ts";

interface CurrencyRow {
  readonly currency: string;
  readonly revenue: string;
  readonly orders: string;
  readonly average_order: string;
  readonly refunds: string;
  readonly refund_count: string;
  readonly previous_revenue: string;
}
interface SourceRow {
  readonly source: string;
  readonly currency: string;
  readonly revenue: string;
  readonly orders: string;
}

const sums = `
  select service_id, currency, sum(revenue) as revenue, sum(orders) as orders,
    sum(refunds) as refunds, sum(refund_count) as refund_count
  from analytics.window_revenue
  where size = s.size and bucket >= s.low and bucket < s.high
  group by service_id, currency`;

/** Revenue, orders and refunds per currency, and revenue per source. Currencies are never added. */
export async function readRevenue(
  runner: QueryRunner,
  range: QueryRange,
  signal: AbortSignal,
): Promise<Revenue> {
  const values = spanValues(windowSpans([range, previousRange(range)]));
  const answer = await runner.run({ weight: "light", signal }, async (connection) => {
    const rows = await connection.query<CurrencyRow>({
      text: `
        select c.code as currency, trim_scale(m.revenue) as revenue, m.orders,
          trim_scale(round(m.revenue / greatest(m.orders, 1), 4)) as average_order,
          trim_scale(m.refunds) as refunds, m.refund_count,
          trim_scale(m.previous_revenue) as previous_revenue
        from (
          select w.currency,
            coalesce(sum(w.revenue) filter (where s.point = 0), 0) as revenue,
            coalesce(sum(w.orders) filter (where s.point = 0), 0) as orders,
            coalesce(sum(w.refunds) filter (where s.point = 0), 0) as refunds,
            coalesce(sum(w.refund_count) filter (where s.point = 0), 0) as refund_count,
            coalesce(sum(w.revenue) filter (where s.point = 1), 0) as previous_revenue
          from ${spanTable} cross join lateral (${sums}) w
          group by w.currency
        ) m
        join analytics.currencies c on c.id = m.currency
        order by m.revenue desc, c.code`,
      values,
    });
    const bySource = await connection.query<SourceRow>({
      text: `
        select v.name as source, c.code as currency, trim_scale(sum(w.revenue)) as revenue,
          sum(w.orders) as orders
        from ${spanTable} cross join lateral (${sums}) w
        join analytics.currencies c on c.id = w.currency
        join auth.services v on v.id = w.service_id
        where s.point = 0
        group by v.name, c.code having sum(w.orders) > 0
        order by sum(w.revenue) desc, v.name, c.code`,
      values,
    });
    return {
      rows: rows.map((row) => ({
        ...row,
        orders: Number(row.orders),
        refund_count: Number(row.refund_count),
      })),
      by_source: bySource.map((row) => ({ ...row, orders: Number(row.orders) })),
    };
  });
  return { range: rangeAnswer(range), ...answer };
}
