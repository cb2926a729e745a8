import type { Texts } from "../message.ts";

/** Time range, granularity and time zone. */
export const range = {
  "range.label": "Time range",
  "range.1h": "1 h",
  "range.24h": "24 h",
  "range.today": "Today",
  "range.yesterday": "Yesterday",
  "range.7d": "7 days",
  "range.30d": "30 days",
  "range.90d": "90 days",
  "range.custom": "Custom…",
  "range.custom.title": "Custom range",
  "range.custom.from": "From",
  "range.custom.to": "To (exclusive)",
  "range.custom.zone": "Times are in the time zone {zone}.",
  "range.custom.wrong": "The end must be after the start, and at most 400 days later.",
  "range.compared": "compared with {range}",
  "range.granularity": "Granularity",
  "range.granularity.auto": "Auto ({granularity})",
  "range.granularity.minute": "Minute",
  "range.granularity.hour": "Hour",
  "range.granularity.day": "Day",
  "range.zone": "Time zone",
  "range.zone.own": "{zone} (browser)",
} as const satisfies Texts;
