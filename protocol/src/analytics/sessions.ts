/** `GET /api/analytics/sessions?user_id&from&to&cursor&limit`: newest first. */
import { array, type Infer, integer, nullable, number, object, string } from "../schema.ts";
import { freshnessSchema, instant, rangeSchema } from "./common.ts";

export const sessionsSchema = object(
  {
    range: rangeSchema,
    rows: array(
      object({
        user_id: string(),
        start: instant(),
        end: instant("Time of the last event."),
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
