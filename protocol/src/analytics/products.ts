/** `GET /api/analytics/products?sort&currency&from&to&limit` */
import { array, type Infer, integer, nullable, object, oneOf, string } from "../schema.ts";
import { freshnessSchema, moneySchema, rangeSchema } from "./common.ts";

export const productSorts = ["revenue", "purchases", "views", "carts"] as const;

export const topProductsSchema = object(
  {
    range: rangeSchema,
    sort: oneOf(productSorts),
    currency: nullable(string()),
    rows: array(
      object({
        product_id: string(),
        name: nullable(string()),
        category: nullable(string()),
        views: integer(),
        carts: integer(),
        purchases: integer(),
        revenue: array(moneySchema),
      }),
    ),
    freshness: freshnessSchema,
  },
  { $id: "TopProducts" },
);
export type TopProducts = Infer<typeof topProductsSchema>;
