/** The rows of each answer for CSV. */
import type {
  Breakdown,
  EventPage,
  Funnel,
  Overview,
  Retention,
  Revenue,
  Series,
  Sessions,
  TopProducts,
  Totals,
} from "@weir/protocol";
import type { Cell } from "./csv.ts";

interface Table {
  readonly header: readonly string[];
  readonly rows: readonly (readonly Cell[])[];
}

export function overviewTable({ current, previous }: Overview): Table {
  const counts = ["events", "users", "sessions", "views", "carts", "purchases"] as const;
  const rows: Cell[][] = [
    ...counts.map((name) => [name, null, current[name], previous[name]]),
    ["conversion", null, current.conversion, previous.conversion],
  ];
  for (const name of ["revenue", "refunds"] as const) {
    for (const currency of currenciesOf(current[name], previous[name])) {
      const amount = (totals: Totals) =>
        totals[name].find((money) => money.currency === currency)?.amount ?? "0";
      rows.push([name, currency, amount(current), amount(previous)]);
    }
  }
  return { header: ["metric", "currency", "current", "previous"], rows };
}

export function seriesTable({ points, previous }: Series): Table {
  if (previous === null) {
    return { header: ["start", "value"], rows: points.map(({ start, value }) => [start, value]) };
  }
  const length = Math.max(points.length, previous.length);
  return {
    header: ["start", "value", "previous_start", "previous_value"],
    rows: Array.from({ length }, (_, index) => [
      points[index]?.start,
      points[index]?.value,
      previous[index]?.start,
      previous[index]?.value,
    ]),
  };
}

export function breakdownTable({ by, metric, rows }: Breakdown): Table {
  return {
    header: [by, metric, "previous", "share"],
    rows: rows.map(({ value, count, previous, share }) => [value, count, previous, share]),
  };
}

export function productsTable({ rows }: TopProducts): Table {
  const currencies = currenciesOf(...rows.map(({ revenue }) => revenue));
  return {
    header: [
      "product_id",
      "name",
      "category",
      "views",
      "carts",
      "purchases",
      ...currencies.map((currency) => `revenue_${currency}`),
    ],
    rows: rows.map((row) => [
      row.product_id,
      row.name,
      row.category,
      row.views,
      row.carts,
      row.purchases,
      ...currencies.map(
        (currency) => row.revenue.find((money) => money.currency === currency)?.amount ?? "0",
      ),
    ]),
  };
}

export function revenueTable({ rows }: Revenue): Table {
  const header = [
    "currency",
    "revenue",
    "orders",
    "average_order",
    "refunds",
    "refund_count",
    "previous_revenue",
  ] as const;
  return { header, rows: rows.map((row) => header.map((name) => row[name])) };
}

export function funnelTable({ steps }: Funnel): Table {
  const header = ["name", "users", "from_previous", "from_first"] as const;
  return { header, rows: steps.map((step) => header.map((name) => step[name])) };
}

export function retentionTable({ period, cohorts }: Retention): Table {
  return {
    header: ["start", "users", ...cohorts.map((_, index) => `${period}_${index}`)],
    rows: cohorts.map(({ start, users, returning }) => [
      start,
      users,
      ...cohorts.map((_, index) => returning[index]),
    ]),
  };
}

const sessionColumns = ["user_id", "start", "end", "duration_s", "events", "purchases"] as const;

export function sessionsTable({ rows }: Pick<Sessions, "rows">): Table {
  return {
    header: sessionColumns,
    rows: rows.map((row) => sessionColumns.map((name) => row[name])),
  };
}

export const eventColumnNames = [
  "event_id",
  "event_type",
  "source",
  "format",
  "received_at",
  "occurred_at",
  "user_id",
  "product_id",
] as const;

export function eventRows({ events }: EventPage): Cell[][] {
  return events.map((event) => [
    ...eventColumnNames.map((name): Cell => event[name]),
    JSON.stringify(event.payload),
  ]);
}

function currenciesOf(...lists: readonly (readonly { currency: string }[])[]): string[] {
  return [...new Set(lists.flat().map(({ currency }) => currency))].sort();
}
