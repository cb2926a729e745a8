/**
 * Answers of the analytics API, one file per question. Instants are RFC 3339 in UTC, ranges are
 * `[from, to)`, amounts are exact decimals as text, shares are 0 to 1.
 */
export * from "./breakdown.ts";
export {
  type Freshness,
  freshnessSchema,
  type Granularity,
  granularities,
  type Money,
  type Range,
  rangeSchema,
} from "./common.ts";
export * from "./events.ts";
export * from "./funnel.ts";
export * from "./meta.ts";
export * from "./overview.ts";
export * from "./products.ts";
export * from "./retention.ts";
export * from "./revenue.ts";
export * from "./series.ts";
export * from "./sessions.ts";
export * from "./windows.ts";
