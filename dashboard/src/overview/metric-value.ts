import type { Metric } from "@weir/protocol";
import type { Formats } from "../format/formats.ts";

/** The text of a metric's value: a count, an amount or a share. */
export function metricValue(
  metric: Metric,
  value: string | number,
  about: { readonly formats: Formats; readonly currency: string | null; readonly short?: boolean },
): string {
  const { formats, currency, short = false } = about;
  if (metric === "conversion") return formats.percent(Number(value));
  if (metric === "revenue") {
    return currency === null
      ? formats.number.format(value as Intl.StringNumericLiteral)
      : formats.money(String(value), currency, short);
  }
  return short ? formats.compact(Number(value)) : formats.count(Number(value));
}

/** The users, sessions and conversion rates of buckets do not add up to those of the range. */
export function isAdditive(metric: Metric): boolean {
  return metric !== "users" && metric !== "sessions" && metric !== "conversion";
}
