/** `GET /api/analytics/breakdown?by=event_type|source|country|properties.x&metric=events|users&from&to&limit` */
import {
  array,
  boolean,
  type Infer,
  integer,
  nullable,
  number,
  object,
  oneOf,
  string,
} from "../schema.ts";
import { freshnessSchema, rangeSchema } from "./common.ts";

export const breakdownSchema = object(
  {
    range: rangeSchema,
    by: string(),
    metric: oneOf(["events", "users"]),
    rows: array(
      object({
        value: nullable(string({ description: "null: events without this value." })),
        count: integer(),
        previous: nullable(integer({ description: "Count in the previous period." })),
        share: number({ description: "Share of the total, 0 to 1." }),
      }),
    ),
    other: integer({ description: "Sum of the values beyond the limit; events only." }),
    from_raw: boolean({
      description: "Whether raw events were read: slower, and bounded by a time limit.",
    }),
    freshness: freshnessSchema,
  },
  { $id: "Breakdown" },
);
export type Breakdown = Infer<typeof breakdownSchema>;
