/** What several answers of `/api/analytics/...` share: instants, amounts, ranges, freshness. */
import { type Infer, integer, object, type Schema, string } from "../schema.ts";

/** RFC 3339, in UTC. */
export function instant(description?: string): Schema<string> {
  return string({ format: "date-time", ...(description === undefined ? {} : { description }) });
}

/** An exact decimal as text: a double would round it. */
export function amount(description?: string): Schema<string> {
  return string({
    pattern: "^-?\\d+(\\.\\d+)?$",
    examples: ["1299.99"],
    ...(description === undefined ? {} : { description }),
  });
}

/** In every analytics answer: how current its numbers are. */
export const freshnessSchema = object(
  {
    as_of: instant("The numbers include every event committed before this instant."),
    lag_ms: integer({ description: "Age of `as_of` when the answer was computed, in ms." }),
    behind_events: integer({
      description: "Raw events that are stored but not yet counted in the windows; at most 10,000.",
    }),
  },
  { $id: "Freshness" },
);
export type Freshness = Infer<typeof freshnessSchema>;

/** `[from, to)`; days and hours are those of the time zone. */
export const rangeSchema = object(
  {
    from: instant("First instant of the range."),
    to: instant("First instant after the range."),
    time_zone: string({ description: "IANA name." }),
  },
  { $id: "Range" },
);
export type Range = Infer<typeof rangeSchema>;

export const moneySchema = object(
  { currency: string({ description: "ISO 4217 code." }), amount: amount() },
  { $id: "Money" },
);
export type Money = Infer<typeof moneySchema>;

/** Sizes of a window, and of the buckets of a series. */
export const granularities = ["minute", "hour", "day"] as const;
export type Granularity = (typeof granularities)[number];
