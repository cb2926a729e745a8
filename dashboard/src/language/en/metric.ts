import type { Texts } from "../message.ts";

export const metric = {
  "metric.label": "Metric",
  "metric.events": "Events",
  "metric.users": "Users",
  "metric.sessions": "Sessions",
  "metric.views": "Views",
  "metric.carts": "Added to cart",
  "metric.purchases": "Purchases",
  "metric.revenue": "Revenue",
  "metric.conversion": "Conversion rate",
  "metric.conversion.why": "Share of sessions with at least one purchase",
} as const satisfies Texts;
