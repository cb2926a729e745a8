/**
 * `GET /api/analytics/funnel?from&to&within=24h`: the commerce funnel (view, cart, purchase).
 * `GET /api/analytics/funnel?steps=a,b,c&from&to&within=24h`: any event types, with a time limit.
 */
import { array, type Infer, integer, nullable, number, object, oneOf, string } from "../schema.ts";
import { freshnessSchema, rangeSchema } from "./common.ts";

export const funnelSchema = object(
  {
    range: rangeSchema,
    kind: oneOf(["commerce", "free"], { description: "free: the steps were given." }),
    within_s: integer({ description: "Time limit from the first step to the last, in seconds." }),
    steps: array(
      object({
        name: string(),
        users: integer({ description: "Users who reached this step in order and in time." }),
        from_previous: nullable(number({ description: "Share of the previous step's users." })),
        from_first: nullable(number({ description: "Share of the first step's users." })),
      }),
    ),
    freshness: freshnessSchema,
  },
  { $id: "Funnel" },
);
export type Funnel = Infer<typeof funnelSchema>;
