import type { Overview, Totals } from "@weir/protocol";
import type { Queryable } from "../../../core/ports/database.ts";
import type { QueryRunner } from "../query-runner.ts";
import { previousRange, type QueryRange, rangeAnswer } from "../range.ts";
import { type Spans, spanTable, spanValues, windowSpans } from "../spans.ts";
import { countUsers } from "./users.ts";

/** Actions as the windows number them. */
export const actionNumbers = { other: 0, view: 1, cart: 2, purchase: 3, refund: 4, search: 5 };

/** The totals of a range, and those of the previous period. */
export async function readOverview(
  runner: QueryRunner,
  range: QueryRange,
  signal: AbortSignal,
): Promise<Overview> {
  const before = previousRange(range);
  const answer = await runner.run({ weight: "heavy", signal }, async (connection) => {
    const spans = windowSpans([range, before]);
    const [current, previous] = await readTotals(connection, spans);
    return {
      current: { ...current, users: await countUsers(connection, range) },
      previous: { ...previous, users: await countUsers(connection, before) },
    };
  });
  return { range: rangeAnswer(range), previous_range: rangeAnswer(before), ...answer };
}

interface ActionRow {
  readonly point: number;
  readonly action: number;
  readonly events: string;
}
interface SessionRow {
  readonly point: number;
  readonly sessions: string;
  readonly converted: string;
}
interface MoneyRow {
  readonly point: number;
  readonly currency: string;
  readonly revenue: string;
  readonly refunds: string;
  readonly orders: string;
  readonly refund_count: string;
}

/** The totals of two ranges without the users, whose sets cannot be added. */
async function readTotals(connection: Queryable, spans: Spans): Promise<[Totals, Totals]> {
  const values = spanValues(spans);
  const actions = await connection.query<ActionRow>({
    text: `
      select s.point, t.action, sum(w.events) as events
      from ${spanTable}
      cross join lateral (
        select event_type, sum(events) as events from analytics.window_counts
        where size = s.size and bucket >= s.low and bucket < s.high
        group by event_type
      ) w
      join analytics.event_types t on t.id = w.event_type
      group by s.point, t.action`,
    values,
  });
  const sessions = await connection.query<SessionRow>({
    text: `
      select s.point, sum(w.sessions) as sessions, sum(w.converted) as converted
      from ${spanTable}
      cross join lateral (
        select sum(sessions) as sessions, sum(converted_sessions) as converted
        from analytics.window_totals
        where size = s.size and bucket >= s.low and bucket < s.high
      ) w
      group by s.point`,
    values,
  });
  const money = await connection.query<MoneyRow>({
    text: `
      select s.point, c.code as currency,
        trim_scale(sum(w.revenue)) as revenue, trim_scale(sum(w.refunds)) as refunds,
        sum(w.orders) as orders, sum(w.refund_count) as refund_count
      from ${spanTable}
      cross join lateral (
        select currency, sum(revenue) as revenue, sum(refunds) as refunds,
          sum(orders) as orders, sum(refund_count) as refund_count
        from analytics.window_revenue
        where size = s.size and bucket >= s.low and bucket < s.high
        group by currency
      ) w
      join analytics.currencies c on c.id = w.currency
      group by s.point, c.code order by sum(w.revenue) desc, c.code`,
    values,
  });
  const totals = (point: number): Totals => totalsOf(point, { actions, sessions, money });
  return [totals(0), totals(1)];
}

interface Parts {
  readonly actions: readonly ActionRow[];
  readonly sessions: readonly SessionRow[];
  readonly money: readonly MoneyRow[];
}

function totalsOf(point: number, { actions, sessions, money }: Parts): Totals {
  const own = actions.filter((row) => row.point === point);
  const count = (action?: number) =>
    own
      .filter((row) => action === undefined || row.action === action)
      .reduce((sum, row) => sum + Number(row.events), 0);
  const session = sessions.find((row) => row.point === point);
  const started = Number(session?.sessions ?? 0);
  const paid = money.filter((row) => row.point === point);
  return {
    events: count(),
    users: 0,
    sessions: started,
    views: count(actionNumbers.view),
    carts: count(actionNumbers.cart),
    purchases: count(actionNumbers.purchase),
    revenue: paid
      .filter((row) => Number(row.orders) > 0)
      .map(({ currency, revenue }) => ({ currency, amount: revenue })),
    refunds: paid
      .filter((row) => Number(row.refund_count) > 0)
      .map(({ currency, refunds }) => ({ currency, amount: refunds })),
    conversion: started === 0 ? null : Number(session?.converted ?? 0) / started,
  };
}
