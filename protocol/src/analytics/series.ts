/** `GET /api/analytics/series?metric&from&to&granularity&time_zone&currency&event_type&source&compare` */
import { array, type Infer, nullable, object, oneOf, string } from "../schema.ts";
import { freshnessSchema, granularities, instant, rangeSchema } from "./common.ts";

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

const pointsSchema = array(
  object({
    start: instant(),
    value: string({ description: "A number as text; for revenue an exact decimal." }),
  }),
);

/** One point per bucket of the range, empty buckets included. */
export const seriesSchema = object(
  {
    range: rangeSchema,
    metric: oneOf(metrics),
    granularity: oneOf(granularities),
    currency: nullable(string()),
    points: pointsSchema,
    previous: nullable(pointsSchema),
    freshness: freshnessSchema,
  },
  { $id: "Series" },
);
export type Series = Infer<typeof seriesSchema>;
