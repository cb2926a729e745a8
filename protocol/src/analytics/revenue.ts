/** `GET /api/analytics/revenue?from&to` */
import { array, type Infer, integer, object, string } from "../schema.ts";
import { amount, freshnessSchema, rangeSchema } from "./common.ts";

export const revenueSchema = object(
  {
    range: rangeSchema,
    rows: array(
      object({
        currency: string(),
        revenue: amount("Amounts of purchases; refunds are not subtracted."),
        orders: integer({ description: "Purchases with an amount in this currency." }),
        average_order: amount("Revenue / orders."),
        refunds: amount("Amounts of refunds."),
        refund_count: integer(),
        previous_revenue: amount("Revenue of the previous period."),
      }),
    ),
    by_source: array(
      object({ source: string(), currency: string(), revenue: amount(), orders: integer() }),
    ),
    freshness: freshnessSchema,
  },
  { $id: "Revenue" },
);
export type Revenue = Infer<typeof revenueSchema>;
