import type { Route } from "../../core/ports/route.ts";
import type { SearchContext } from "./context.ts";
import { eventSearchRoute } from "./event-search.ts";
import { modelListRoute } from "./model-list.ts";
import { productSearchRoute } from "./product-search.ts";
import { recommendationsRoute } from "./recommendations.ts";
import { similarProductsRoute } from "./similar-products.ts";

export function searchRoutes(context: SearchContext): Route[] {
  return [
    similarProductsRoute(context),
    productSearchRoute(context),
    recommendationsRoute(context),
    eventSearchRoute(context),
    modelListRoute(context),
  ];
}
