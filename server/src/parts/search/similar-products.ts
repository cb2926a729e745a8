import { similarAnswerSchema } from "@weir/protocol";
import { WeirError } from "../../core/errors.ts";
import type { Route, RouteRequest } from "../../core/ports/route.ts";
import { uuidOfText } from "../../core/uuid.ts";
import type { SearchContext } from "./context.ts";
import {
  filterOf,
  limitOf,
  modelOf,
  productErrors,
  productOf,
  productParameters,
  readFilter,
} from "./products.ts";

export function similarProductsRoute(context: SearchContext): Route {
  return {
    method: "GET",
    path: "/api/products/:id/similar",
    view: "search.similar_products",
    access: "permission",
    summary: "Products with a similar meaning, best first.",
    query: productParameters,
    errors: productErrors,
    responses: {
      200: { description: "The product and similar ones.", schema: similarAnswerSchema },
    },
    handle: (request) => similar(context, request),
  };
}

async function similar({ searcher }: SearchContext, request: RouteRequest) {
  const { params, query, signal } = request;
  const id = params["id"] ?? "";
  const pointId = uuidOfText(id);
  const target = await searcher.target("products", modelOf(query));
  const [point] = await searcher.retrieve(target, [pointId], signal);
  if (point?.vector === undefined) {
    throw new WeirError("not_found", {
      detail: `no product "${id}" is known with a name, description or category; it is searchable within a second of its first event that has one`,
    });
  }
  const found = await searcher.nearest(
    target,
    {
      vector: point.vector,
      limit: limitOf(query),
      filter: filterOf(readFilter(query), [pointId]),
    },
    signal,
  );
  return {
    status: 200,
    body: {
      product: productOf(point, 1),
      results: found.map((other) => productOf(other, other.score)),
      source: await searcher.source(target, signal),
    },
  };
}
