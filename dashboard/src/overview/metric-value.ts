import type { Metric } from "@weir/protocol";
import type { Formats } from "../format/formats.ts";

/** A value of a metric as it is written: counts, money, shares. */
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

/** Users and sessions of buckets do not add up to those of the range, shares even less. */
export function isAdditive(metric: Metric): boolean {
  return metric !== "users" && metric !== "sessions" && metric !== "conversion";
}
