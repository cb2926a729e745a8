/**
 * Answers of `GET /api/analytics/...`. Instants are RFC 3339 in UTC, ranges are `[from, to)`,
 * amounts are exact decimals in strings, shares are 0..1.
 */
import { rawEventSchema } from "./frames.ts";
import {
  array,
  boolean,
  type Infer,
  integer,
  nullable,
  number,
  object,
  oneOf,
  optional,
  string,
} from "./schema.ts";

const instant = (description?: string) =>
  string({ format: "date-time", ...(description === undefined ? {} : { description }) });
const amount = () => string({ pattern: "^-?\\d+(\\.\\d+)?$", examples: ["1299.99"] });

/** On every analytics answer: what was asked, and how fresh the numbers are. */
export const freshnessSchema = object(
  {
    as_of: instant("Every event committed before this instant is in the numbers."),
    lag_ms: integer({ description: "Age of `as_of` when the answer was made." }),
    behind_events: integer({
      description: "Raw events committed but not yet in the windows (capped at 10,000).",
    }),
  },
  { $id: "Freshness" },
);
export type Freshness = Infer<typeof freshnessSchema>;

export const rangeSchema = object(
  { from: instant(), to: instant(), time_zone: string() },
  { $id: "Range" },
);
export type Range = Infer<typeof rangeSchema>;

const moneySchema = object({ currency: string(), amount: amount() }, { $id: "Money" });
export type Money = Infer<typeof moneySchema>;

const totalsSchema = object(
  {
    events: integer(),
    users: integer(),
    sessions: integer(),
    views: integer(),
    carts: integer(),
    purchases: integer(),
    /** Purchases that carry an amount, per currency, less nothing: refunds stand apart. */
    revenue: array(moneySchema),
    refunds: array(moneySchema),
    conversion: nullable(
      number({ description: "Sessions with a purchase / sessions; null without sessions." }),
    ),
  },
  { $id: "Totals" },
);
export type Totals = Infer<typeof totalsSchema>;

/** GET /api/analytics/overview?from&to&time_zone */
export const overviewSchema = object(
  {
    range: rangeSchema,
    previous_range: rangeSchema,
    current: totalsSchema,
    previous: totalsSchema,
    freshness: freshnessSchema,
  },
  { $id: "Overview" },
);
export type Overview = Infer<typeof overviewSchema>;

export const granularities = ["minute", "hour", "day"] as const;
export type Granularity = (typeof granularities)[number];
export const metrics = [
  "events",
  "users",
  "sessions",
  "views",
  "carts",
  "purchases",
  "revenue",
  "conversion",
] as const;
export type Metric = (typeof metrics)[number];

/**
 * GET /api/analytics/series?metric&from&to&granularity&time_zone&currency&event_type&source&compare
 * Every bucket of the range is there, also the empty ones. `value` is a decimal string for revenue.
 */
export const seriesSchema = object(
  {
    range: rangeSchema,
    metric: oneOf(metrics),
    granularity: oneOf(granularities),
    currency: nullable(string()),
    points: array(object({ start: instant(), value: string() })),
    previous: nullable(array(object({ start: instant(), value: string() }))),
    freshness: freshnessSchema,
  },
  { $id: "Series" },
);
export type Series = Infer<typeof seriesSchema>;

/** GET /api/analytics/breakdown?by=event_type|source|country|properties.x&metric=events|users&from&to&limit */
export const breakdownSchema = object(
  {
    range: rangeSchema,
    by: string(),
    metric: oneOf(["events", "users"]),
    rows: array(
      object({
        value: nullable(string()),
        count: integer(),
        previous: nullable(integer()),
        share: number(),
      }),
    ),
    other: integer({ description: "Sum over the values beyond the limit (events only)." }),
    /** true when it was read from raw events: slower, time-limited, cancelled with the request. */
    from_raw: boolean(),
    freshness: freshnessSchema,
  },
  { $id: "Breakdown" },
);
export type Breakdown = Infer<typeof breakdownSchema>;

export const productSorts = ["revenue", "purchases", "views", "carts"] as const;
/** GET /api/analytics/products?sort&currency&from&to&limit */
export const topProductsSchema = object(
  {
    range: rangeSchema,
    sort: oneOf(productSorts),
    currency: nullable(string()),
    rows: array(
      object({
        product_id: string(),
        name: nullable(string()),
        category: nullable(string()),
        views: integer(),
        carts: integer(),
        purchases: integer(),
        revenue: array(moneySchema),
      }),
    ),
    freshness: freshnessSchema,
  },
  { $id: "TopProducts" },
);
export type TopProducts = Infer<typeof topProductsSchema>;

/** GET /api/analytics/revenue?from&to */
export const revenueSchema = object(
  {
    range: rangeSchema,
    rows: array(
      object({
        currency: string(),
        revenue: amount(),
        orders: integer(),
        average_order: amount(),
        refunds: amount(),
        refund_count: integer(),
        previous_revenue: amount(),
      }),
    ),
    by_source: array(
      object({ source: string(), currency: string(), revenue: amount(), orders: integer() }),
    ),
    freshness: freshnessSchema,
  },
  { $id: "Revenue" },
);
export type Revenue = Infer<typeof revenueSchema>;

/**
 * GET /api/analytics/funnel?from&to&within=24h                     the commerce funnel, from key facts
 * GET /api/analytics/funnel?steps=a,b,c&from&to&within=24h         free-form: from facts, time-limited
 */
export const funnelSchema = object(
  {
    range: rangeSchema,
    kind: oneOf(["commerce", "free"]),
    within_s: integer(),
    steps: array(
      object({
        name: string(),
        users: integer(),
        from_previous: nullable(number()),
        from_first: nullable(number()),
      }),
    ),
    freshness: freshnessSchema,
  },
  { $id: "Funnel" },
);
export type Funnel = Infer<typeof funnelSchema>;

/** GET /api/analytics/retention?from&to&period=week|day */
export const retentionSchema = object(
  {
    range: rangeSchema,
    period: oneOf(["day", "week"]),
    cohorts: array(
      object({
        start: instant(),
        users: integer(),
        /** Users of the cohort seen again in period 0, 1, 2, ...; period 0 equals `users`. */
        returning: array(integer()),
      }),
    ),
    freshness: freshnessSchema,
  },
  { $id: "Retention" },
);
export type Retention = Infer<typeof retentionSchema>;

/** GET /api/analytics/sessions?user_id&from&to&cursor&limit: newest first */
export const sessionsSchema = object(
  {
    range: rangeSchema,
    rows: array(
      object({
        user_id: string(),
        start: instant(),
        end: instant(),
        duration_s: number(),
        events: integer(),
        purchases: integer(),
      }),
    ),
    next_cursor: nullable(string()),
    summary: object({
      sessions: integer(),
      average_duration_s: nullable(number()),
      average_events: nullable(number()),
    }),
    freshness: freshnessSchema,
  },
  { $id: "Sessions" },
);
export type Sessions = Infer<typeof sessionsSchema>;

/** GET /api/events?event_type&source&user_id&product_id&from&to&property.<path>=<value>&cursor&limit: newest first; also GET /api/users/{id}/events */
export const eventPageSchema = object(
  {
    range: rangeSchema,
    events: array(rawEventSchema),
    next_cursor: nullable(string()),
    complete: boolean({
      description: "false when the time limit ended the scan; go on with next_cursor.",
    }),
  },
  { $id: "EventPage" },
);
export type EventPage = Infer<typeof eventPageSchema>;

/** GET /api/windows?size&state&from&to&cursor&limit: newest first */
export const windowSchema = object(
  {
    size: oneOf(granularities),
    start: instant(),
    end: instant(),
    state: oneOf(["open", "closed", "rebuilding", "failed"]),
    events: integer(),
    users: integer(),
    sessions: integer(),
    updated_at: instant(),
    /** Of the last rerun; null when the window was never rerun. */
    last_run: nullable(
      object({
        at: instant(),
        duration_ms: nullable(integer()),
        attempts: integer(),
        state: oneOf(["queued", "running", "done", "failed"]),
        changed: nullable(
          boolean({ description: "Whether the rerun found other numbers than stood there." }),
        ),
        error: nullable(string()),
      }),
    ),
  },
  { $id: "Window" },
);
export type Window = Infer<typeof windowSchema>;
export const windowPageSchema = object(
  {
    windows: array(windowSchema),
    next_cursor: nullable(string()),
    freshness: freshnessSchema,
    worker: nullable(
      object({ owner: string(), epoch: integer(), heartbeat_at: instant(), alive: boolean() }),
    ),
  },
  { $id: "WindowPage" },
);
export type WindowPage = Infer<typeof windowPageSchema>;

/** POST /api/windows/rerun { size, start } -> 202 */
export const rerunRequestSchema = object(
  { size: oneOf(granularities), start: instant() },
  { $id: "RerunRequest" },
);
export const rerunAnswerSchema = object(
  { run_id: string(), size: oneOf(granularities), start: instant(), state: oneOf(["queued"]) },
  { $id: "RerunAnswer" },
);

/** GET /api/windows/runs?size&state&cursor&limit: newest first */
export const runPageSchema = object(
  {
    runs: array(
      object({
        run_id: string(),
        size: oneOf(granularities),
        start: instant(),
        state: oneOf(["queued", "running", "done", "failed"]),
        requested_by: string(),
        requested_at: instant(),
        started_at: nullable(instant()),
        finished_at: nullable(instant()),
        duration_ms: nullable(integer()),
        attempts: integer(),
        rows: nullable(integer({ description: "Rows that the window's tables now hold." })),
        changed: nullable(boolean()),
        error: nullable(string()),
      }),
    ),
    next_cursor: nullable(string()),
  },
  { $id: "RunPage" },
);
export type RunPage = Infer<typeof runPageSchema>;

/** GET /api/meta: what the pages need to fill their pickers. */
export const metaSchema = object(
  {
    version: string(),
    /** `WEIR_ENV`: pages show it, so that nobody takes staging for production. */
    environment: optional(string()),
    event_types: array(object({ name: string(), action: string(), events: integer() })),
    sources: array(string()),
    currencies: array(string()),
    first_event_at: nullable(instant()),
    retention_days: integer(),
  },
  { $id: "Meta" },
);
export type Meta = Infer<typeof metaSchema>;

/** GET /api/session: who is signed in. POST /api/session {token}|{key}; DELETE /api/session. */
export const sessionSchema = object(
  {
    service: string(),
    role: string(),
    permissions: array(string()),
    expires_at: instant(),
    csrf_token: string(),
  },
  { $id: "Session" },
);
export type Session = Infer<typeof sessionSchema>;
