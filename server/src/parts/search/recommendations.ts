import { type FoundProduct, recommendationsSchema, type SearchFilter } from "@weir/protocol";
import type { Queryable } from "../../core/ports/database.ts";
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

export function recommendationsRoute(context: SearchContext): Route {
  return {
    method: "GET",
    path: "/api/users/:id/recommendations",
    view: "search.recommendations",
    access: "permission",
    summary:
      "Products that a user may like, without those already bought; popular products for an unknown user.",
    query: productParameters,
    errors: productErrors,
    responses: { 200: { description: "Products, best first.", schema: recommendationsSchema } },
    handle: (request) => recommend(context, request),
  };
}

async function recommend(context: SearchContext, { params, query, signal }: RouteRequest) {
  const { searcher, database } = context;
  const userId = params["id"] ?? "";
  const pointId = uuidOfText(userId);
  const products = await searcher.target("products", modelOf(query));
  const users = await searcher.target("users", products.model.id);
  const [[user], bought] = await Promise.all([
    searcher.retrieve(users, [pointId], signal),
    readBought(database, pointId, signal),
  ]);
  const question = { filter: readFilter(query), without: bought, limit: limitOf(query) };
  const vector = user?.vector;
  let results: FoundProduct[] = [];
  if (vector !== undefined) {
    const { limit } = question;
    const filter = filterOf(question.filter, bought);
    const found = await searcher.nearest(products, { vector, limit, filter }, signal);
    results = found.map((point) => productOf(point, point.score));
  }
  const basis = results.length > 0 ? "interest" : "popular";
  if (basis === "popular") results = await popularProducts(database, question, signal);
  return {
    status: 200,
    body: {
      user_id: userId,
      basis,
      excluded_bought: bought.length,
      results,
      source: await searcher.source(products, signal),
    },
  };
}

/** Point ids of the products that the user bought; empty for an unknown user. */
async function readBought(
  database: Queryable,
  pointId: string,
  signal: AbortSignal,
): Promise<readonly string[]> {
  const rows = await database.query<{ bought: string[] }>(
    { name: "search_bought", text: "select stream.bought_by($1) as bought", values: [pointId] },
    { signal },
  );
  return rows[0]?.bought ?? [];
}

interface ProductRow {
  readonly key: string;
  readonly name: string | null;
  readonly category: string | null;
  readonly price: number | null;
  readonly currency: string | null;
  readonly first_seen: Date;
  readonly last_seen: Date;
  readonly counts: Record<string, number>;
}

/**
 * Most bought, then most viewed. Candidates come from an index on steps of popularity and are then sorted exactly,
 * so products that are nearly as popular as the last one may be left out. Their score is 0: nothing was compared.
 */
async function popularProducts(
  database: Queryable,
  question: {
    readonly filter: SearchFilter | undefined;
    readonly without: readonly string[];
    readonly limit: number;
  },
  signal: AbortSignal,
): Promise<FoundProduct[]> {
  const { filter } = question;
  const rows = await database.query<ProductRow>(
    {
      name: "search_popular",
      text: `select key, name, category, price::float8 as price, currency, first_seen, last_seen, counts
             from (
               select * from stream.products
               where content_rank > 0 and point_id <> all($1::uuid[])
                 and ($2::text[] is null or category = any($2))
                 and ($3::numeric is null or price >= $3) and ($4::numeric is null or price <= $4)
               order by popularity desc, point_id limit 2 * $5
             ) as candidates
             order by purchases desc, views desc, point_id limit $5`,
      values: [
        question.without,
        filter?.category ?? null,
        filter?.price?.gte ?? null,
        filter?.price?.lte ?? null,
        question.limit,
      ],
    },
    { signal },
  );
  return rows.map(({ key, first_seen, last_seen, ...row }) => ({
    product_id: key,
    score: 0,
    ...row,
    first_seen: first_seen.toISOString(),
    last_seen: last_seen.toISOString(),
  }));
}
