/** `GET /api/analytics/retention?from&to&period=week|day` */
import { array, type Infer, integer, object, oneOf } from "../schema.ts";
import { freshnessSchema, instant, rangeSchema } from "./common.ts";

export const retentionSchema = object(
  {
    range: rangeSchema,
    period: oneOf(["day", "week"]),
    cohorts: array(
      object({
        start: instant("First instant of the cohort's day or week, in UTC."),
        users: integer({ description: "Users first seen in this period." }),
        returning: array(integer(), {
          description:
            "Users of the cohort seen in period 0, 1, 2, ... after it; period 0 equals `users`.",
        }),
      }),
    ),
    freshness: freshnessSchema,
  },
  { $id: "Retention" },
);
export type Retention = Infer<typeof retentionSchema>;
