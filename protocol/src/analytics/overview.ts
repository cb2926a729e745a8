/** `GET /api/analytics/overview?from&to&time_zone`: the totals, beside those of the previous period. */
import { array, type Infer, integer, nullable, number, object } from "../schema.ts";
import { freshnessSchema, moneySchema, rangeSchema } from "./common.ts";

const totalsSchema = object(
  {
    events: integer(),
    users: integer({ description: "Distinct users." }),
    sessions: integer({ description: "Sessions that started in the range." }),
    views: integer(),
    carts: integer(),
    purchases: integer(),
    revenue: array(moneySchema, {
      description: "Amounts of purchases, per currency. Refunds are not subtracted.",
    }),
    refunds: array(moneySchema, { description: "Amounts of refunds, per currency." }),
    conversion: nullable(
      number({ description: "Sessions with a purchase / sessions; null without sessions." }),
    ),
  },
  { $id: "Totals" },
);
export type Totals = Infer<typeof totalsSchema>;

export const overviewSchema = object(
  {
    range: rangeSchema,
    previous_range: rangeSchema,
    current: totalsSchema,
    previous: totalsSchema,
    freshness: freshnessSchema,
  },
  { $id: "Overview" },
);
export type Overview = Infer<typeof overviewSchema>;
