import type { Queryable } from "../../core/ports/database.ts";
import { type MinuteRange, spanTable, spanValues, windowSpans } from "./spans.ts";

/**
 * The default currency: the one with the most orders in the range. Amounts of different currencies
 * are never added. @returns undefined without orders
 */
export async function defaultCurrency(
  connection: Queryable,
  range: MinuteRange,
): Promise<string | undefined> {
  const [row] = await connection.query<{ code: string }>({
    text: `
      select c.code
      from ${spanTable}
      cross join lateral (
        select currency, sum(orders) as orders from analytics.window_revenue
        where size = s.size and bucket >= s.low and bucket < s.high
        group by currency
      ) w
      join analytics.currencies c on c.id = w.currency
      group by c.code order by sum(w.orders) desc, c.code limit 1`,
    values: spanValues(windowSpans([range])),
  });
  return row?.code;
}
