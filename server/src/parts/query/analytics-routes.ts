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
import { asksForFresh, cached, cacheHeaders } from "./cached.ts";
import type { QueryContext } from "./context.ts";
import { type Cell, csvHeaders, csvReply, csvSchema } from "./csv.ts";
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
import {
  choiceOf,
  currencyOf,
  currencyParameter,
  cursorParameter,
  formatParameter,
  limitOf,
  limitParameter,
  nameParameter,
  textOf,
} from "./parameters.ts";
import { dimensionPattern, readBreakdown } from "./questions/breakdown.ts";
import {
  readFunnel,
  readSteps,
  readWithin,
  stepsPattern,
  withinPattern,
} from "./questions/funnel.ts";
import { readMeta } from "./questions/meta.ts";
import { readOverview } from "./questions/overview.ts";
import { readProducts } from "./questions/products.ts";
import { readRetention } from "./questions/retention.ts";
import { readRevenue } from "./questions/revenue.ts";
import { readSeries } from "./questions/series.ts";
import { readSessions } from "./questions/sessions.ts";
import { UserCounts } from "./questions/users.ts";
import { type QueryRange, rangeParameters, readRange } from "./range.ts";

interface Parameters {
  readonly range: QueryRange;
  readonly query: RouteRequest["query"];
  readonly signal: AbortSignal;
}
interface Table {
  readonly header: readonly string[];
  readonly rows: readonly (readonly Cell[])[];
}

/** `GET /api/analytics/...` and `GET /api/meta`. */
export function analyticsRoutes(context: QueryContext): Route[] {
  const { runner } = context;
  const userCounts = new UserCounts();
  /** A question over a range, answered as JSON or CSV. */
  const question = <T extends object>(about: {
    name: string;
    summary: string;
    answer: Schema<T>;
    parameters?: Readonly<Record<string, Schema<unknown>>>;
    required?: readonly string[];
    defaultDays?: number;
    read(given: Parameters): Promise<T>;
    table(answer: T): Table;
  }): Route => ({
    method: "GET",
    path: `/api/analytics/${about.name}`,
    view: `analytics.${about.name}`,
    access: "permission",
    summary: about.summary,
    query: { ...rangeParameters, ...about.parameters, format: formatParameter },
    ...(about.required === undefined ? {} : { required: about.required }),
    errors: ["unanswerable_query"],
    responses: {
      200: {
        description: "The answer; with format=csv its rows as a file.",
        schema: about.answer,
        alternatives: { "text/csv": csvSchema },
        headers: { ...csvHeaders, ...cacheHeaders },
      },
    },
    async handle({ query, headers: asked, signal }): Promise<RouteReply> {
      const range = readRange(query, context.now(), about.defaultDays);
      const compute = (stop: AbortSignal) => about.read({ range, query, signal: stop });
      const { format, ...parameters } = query;
      const { answer, state } = await cached(context.cache, {
        question: [about.name, { ...parameters, ...range }],
        isFresh: asksForFresh(asked["cache-control"]),
        ...{ signal, compute },
      });
      const headers: Record<string, string> = state === undefined ? {} : { "x-cache": state };
      if (format !== "csv") return { status: 200, headers, body: answer };
      const { header, rows } = about.table(answer);
      const file = csvReply(about.name, header, rows);
      return { ...file, headers: { ...file.headers, ...headers } };
    },
  });
  return [
    question({
      name: "overview",
      summary: "Totals of a range, compared with the previous period of the same length.",
      answer: overviewSchema,
      read: ({ range, signal }) => readOverview(runner, range, signal),
      table: overviewTable,
    }),
    question({
      name: "series",
      summary: "One metric over time, with a point for every bucket, empty ones included.",
      answer: seriesSchema,
      parameters: {
        metric: schema.oneOf(metrics, { default: "events" }),
        granularity: schema.oneOf(granularities, { default: "hour" }),
        currency: currencyParameter(
          "Currency of metric=revenue; default: the one with the most orders.",
        ),
        event_type: nameParameter(
          "Only events of this type; for the metrics events, views, carts and purchases.",
        ),
        source: nameParameter(
          "Only events of this source; not for the metrics users, sessions and conversion.",
        ),
        compare: schema.oneOf(["previous"], {
          description: "Adds the points of the previous period of the same length.",
        }),
      },
      read: ({ range, query, signal }) =>
        readSeries(
          { runner, userCounts },
          {
            range,
            metric: choiceOf(query, "metric", metrics) ?? "events",
            granularity: choiceOf(query, "granularity", granularities) ?? "hour",
            currency: currencyOf(query),
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
      summary: "Events or users per value of one dimension, largest first.",
      answer: breakdownSchema,
      parameters: {
        by: schema.string({
          maxLength: 256,
          "x-pattern": dimensionPattern,
          examples: ["event_type", "properties.plan"],
          description:
            "Dimension: event_type, source, user, product, currency, country, or a path: properties.<path>, product.<member>, context.<path>, data.<path>.",
        }),
        metric: schema.oneOf(["events", "users"], { default: "events" }),
        limit: limitParameter(1_000, 20),
      },
      required: ["by"],
      read: ({ range, query, signal }) => {
        const by = textOf(query, "by") ?? "";
        const metric = choiceOf(query, "metric", ["events", "users"]) ?? "events";
        return readBreakdown(runner, { range, by, metric, limit: limitOf(query, 20) }, signal);
      },
      table: breakdownTable,
    }),
    question({
      name: "products",
      summary: "Top products by revenue, purchases, views or carts.",
      answer: topProductsSchema,
      parameters: {
        sort: schema.oneOf(productSorts, { default: "revenue" }),
        currency: currencyParameter(
          "Currency of sort=revenue; default: the one with the most orders.",
        ),
        limit: limitParameter(1_000, 20),
      },
      read: ({ range, query, signal }) =>
        readProducts(
          runner,
          {
            range,
            sort: choiceOf(query, "sort", productSorts) ?? "revenue",
            currency: currencyOf(query),
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
      read: ({ range, signal }) => readRevenue(runner, range, signal),
      table: revenueTable,
    }),
    question({
      name: "funnel",
      summary: "Users who complete each step of a funnel, in order and within a time limit.",
      answer: funnelSchema,
      parameters: {
        steps: schema.string({
          maxLength: 1_100,
          pattern: stepsPattern,
          "x-expects": "2 to 8 event types, separated by commas",
          examples: ["product.view,purchase"],
          description: "2 to 8 event types, separated by commas; default: view, cart, purchase.",
        }),
        within: schema.string({
          pattern: withinPattern,
          "x-expects": "at most 30 days, e.g. 30m, 24h or 7d",
          default: "24h",
          examples: ["30m", "7d"],
          description: "Maximum time from the first step to the last.",
        }),
      },
      read: ({ range, query, signal }) =>
        readFunnel(
          runner,
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
      summary: "Cohorts of new users by UTC day or week, and how many returned later.",
      answer: retentionSchema,
      parameters: { period: schema.oneOf(["day", "week"], { default: "week" }) },
      defaultDays: 28,
      read: ({ range, query, signal }) =>
        readRetention(
          runner,
          { range, period: choiceOf(query, "period", ["day", "week"]) ?? "week" },
          signal,
        ),
      table: retentionTable,
    }),
    question({
      name: "sessions",
      summary: "Sessions that start in the range, newest first, and their averages.",
      answer: sessionsSchema,
      parameters: {
        user_id: nameParameter(
          'Only sessions of this user; for anonymous users "anonymous:<anonymous_id>".',
        ),
        cursor: cursorParameter,
        limit: limitParameter(1_000, 100),
      },
      read: ({ range, query, signal }) =>
        readSessions(
          runner,
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
      summary: "Event types, sources and currencies seen so far, and the time of the first event.",
      responses: { 200: { description: "The metadata.", schema: metaSchema } },
      async handle({ signal }) {
        return { status: 200, body: await readMeta(runner, context, signal) };
      },
    },
  ];
}
