import {
  breakdownSchema,
  funnelSchema,
  granularities,
  metaSchema,
  metrics,
  overviewSchema,
  productSorts,
  retentionSchema,
  revenueSchema,
  type Schema,
  schema,
  seriesSchema,
  sessionsSchema,
  topProductsSchema,
} from "@weir/protocol";
import type { Route, RouteReply, RouteRequest } from "../../core/ports/route.ts";
import type { QueryContext } from "./context.ts";
import { type Cell, csvReply } from "./csv.ts";
import {
  breakdownTable,
  funnelTable,
  overviewTable,
  productsTable,
  retentionTable,
  revenueTable,
  seriesTable,
  sessionsTable,
} from "./csv-rows.ts";
import { invalidQuery } from "./invalid-query.ts";
import {
  choiceOf,
  cursorParameter,
  formatParameter,
  limitOf,
  limitParameter,
  nameParameter,
  textOf,
} from "./parameters.ts";
import { readBreakdown } from "./questions/breakdown.ts";
import { readFunnel, readSteps, readWithin } from "./questions/funnel.ts";
import { readMeta } from "./questions/meta.ts";
import { readOverview } from "./questions/overview.ts";
import { readProducts } from "./questions/products.ts";
import { readRetention } from "./questions/retention.ts";
import { readRevenue } from "./questions/revenue.ts";
import { readSeries } from "./questions/series.ts";
import { readSessions } from "./questions/sessions.ts";
import { UserCounts } from "./questions/users.ts";
import { type AskedRange, rangeParameters, readRange } from "./range.ts";

interface Asked {
  readonly range: AskedRange;
  readonly query: RouteRequest["query"];
  readonly signal: AbortSignal;
}
interface Table {
  readonly header: readonly string[];
  readonly rows: readonly (readonly Cell[])[];
}

/** Reading of numbers: `GET /api/analytics/...` and `GET /api/meta`. */
export function analyticsRoutes(context: QueryContext): Route[] {
  const { asker } = context;
  const userCounts = new UserCounts();
  /** A question over a range, answered as JSON or as a file. */
  const question = <T extends object>(about: {
    name: string;
    summary: string;
    answer: Schema<T>;
    parameters?: Readonly<Record<string, Schema<unknown>>>;
    defaultDays?: number;
    read(asked: Asked): Promise<T>;
    table(answer: T): Table;
  }): Route => ({
    method: "GET",
    path: `/api/analytics/${about.name}`,
    view: `analytics.${about.name}`,
    access: "permission",
    summary: about.summary,
    query: { ...rangeParameters, ...about.parameters, format: formatParameter },
    responses: { 200: { description: "The answer.", schema: about.answer } },
    async handle({ query, signal }): Promise<RouteReply> {
      const range = readRange(query, context.now(), about.defaultDays);
      const answer = await about.read({ range, query, signal });
      if (query["format"] !== "csv") return { status: 200, body: answer };
      const { header, rows } = about.table(answer);
      return csvReply(about.name, header, rows);
    },
  });
  return [
    question({
      name: "overview",
      summary: "The main figures, beside those of the period of the same length before.",
      answer: overviewSchema,
      read: ({ range, signal }) => readOverview(asker, range, signal),
      table: overviewTable,
    }),
    question({
      name: "series",
      summary: "One metric over time: every bucket of the range, also the empty ones.",
      answer: seriesSchema,
      parameters: {
        metric: schema.oneOf(metrics, { default: "events" }),
        granularity: schema.oneOf(granularities, { default: "hour" }),
        currency: nameParameter("For revenue; without it the one with the most orders."),
        event_type: nameParameter("Only this type; for events, views, carts and purchases."),
        source: nameParameter("Only this source; not for users, sessions and conversion."),
        compare: schema.oneOf(["previous"], {
          description: "Adds the points of the period of the same length before.",
        }),
      },
      read: ({ range, query, signal }) =>
        readSeries(
          { asker, userCounts },
          {
            range,
            metric: choiceOf(query, "metric", metrics) ?? "events",
            granularity: choiceOf(query, "granularity", granularities) ?? "hour",
            currency: textOf(query, "currency"),
            eventType: textOf(query, "event_type"),
            source: textOf(query, "source"),
            compare: choiceOf(query, "compare", ["previous"]) !== undefined,
          },
          signal,
        ),
      table: seriesTable,
    }),
    question({
      name: "breakdown",
      summary: "Events or users by the value of one thing, the largest first.",
      answer: breakdownSchema,
      parameters: {
        by: nameParameter(
          "event_type, source, user, product, currency, country, or a path: properties.<path>, product.<member>, context.<path>, data.<path>.",
        ),
        metric: schema.oneOf(["events", "users"], { default: "events" }),
        limit: limitParameter(1_000, 20),
      },
      read: ({ range, query, signal }) => {
        const by = textOf(query, "by");
        if (by === undefined) throw invalidQuery("by", "is missing, e.g. by=event_type");
        const metric = choiceOf(query, "metric", ["events", "users"]) ?? "events";
        return readBreakdown(asker, { range, by, metric, limit: limitOf(query, 20) }, signal);
      },
      table: breakdownTable,
    }),
    question({
      name: "products",
      summary: "The first products by revenue, purchases, views or carts.",
      answer: topProductsSchema,
      parameters: {
        sort: schema.oneOf(productSorts, { default: "revenue" }),
        currency: nameParameter("For sort=revenue; without it the one with the most orders."),
        limit: limitParameter(1_000, 20),
      },
      read: ({ range, query, signal }) =>
        readProducts(
          asker,
          {
            range,
            sort: choiceOf(query, "sort", productSorts) ?? "revenue",
            currency: textOf(query, "currency"),
            limit: limitOf(query, 20),
          },
          signal,
        ),
      table: productsTable,
    }),
    question({
      name: "revenue",
      summary: "Revenue, orders and refunds per currency, and revenue per source.",
      answer: revenueSchema,
      read: ({ range, signal }) => readRevenue(asker, range, signal),
      table: revenueTable,
    }),
    question({
      name: "funnel",
      summary: "How many users came through each step, in order and within a time.",
      answer: funnelSchema,
      parameters: {
        steps: schema.string({
          maxLength: 1_100,
          description: "2 to 8 event types, parted by commas; without it view, cart, purchase.",
        }),
        within: schema.string({ maxLength: 16, default: "24h", examples: ["30m", "7d"] }),
      },
      read: ({ range, query, signal }) =>
        readFunnel(
          asker,
          {
            range,
            steps: readSteps(query["steps"]),
            withinSeconds: readWithin(query["within"]),
          },
          signal,
        ),
      table: funnelTable,
    }),
    question({
      name: "retention",
      summary: "Cohorts of new users by UTC day or week, and how many came back later.",
      answer: retentionSchema,
      parameters: { period: schema.oneOf(["day", "week"], { default: "week" }) },
      defaultDays: 28,
      read: ({ range, query, signal }) =>
        readRetention(
          asker,
          { range, period: choiceOf(query, "period", ["day", "week"]) ?? "week" },
          signal,
        ),
      table: retentionTable,
    }),
    question({
      name: "sessions",
      summary: "Sessions that begin in the range, newest first, and their averages.",
      answer: sessionsSchema,
      parameters: {
        user_id: nameParameter('The user\'s id; "anonymous:" and the anonymous_id otherwise.'),
        cursor: cursorParameter,
        limit: limitParameter(1_000, 100),
      },
      read: ({ range, query, signal }) =>
        readSessions(
          asker,
          {
            range,
            userId: textOf(query, "user_id"),
            cursor: query["cursor"],
            limit: limitOf(query, 100),
          },
          signal,
        ),
      table: sessionsTable,
    }),
    {
      method: "GET",
      path: "/api/meta",
      view: "common.meta",
      access: "permission",
      summary: "What there is to ask about: event types, sources, currencies, and since when.",
      responses: { 200: { description: "The names.", schema: metaSchema } },
      async handle({ signal }) {
        return { status: 200, body: await readMeta(asker, context, signal) };
      },
    },
  ];
}
