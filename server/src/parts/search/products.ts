/** What the routes that find products have in common: parameters, filters, and products in answers. */
import { type ErrorCode, type FoundProduct, type SearchFilter, schema } from "@weir/protocol";
import { WeirError } from "../../core/errors.ts";
import type { RouteRequest } from "../../core/ports/route.ts";
import type { Condition, Filter, StoredPoint } from "../../core/ports/vector-store.ts";

export const normalLimit = 10;

/** Query parameters of the GET routes. */
export const productParameters = {
  limit: schema.integer({ minimum: 1, maximum: 100, default: normalLimit }),
  category: schema.string({ maxLength: 200, description: "Only products of this category." }),
  price_gte: schema.number({ description: "Minimum price." }),
  price_lte: schema.number({ description: "Maximum price." }),
  model: schema.string({
    maxLength: 200,
    description: "Model to query instead of the live one.",
  }),
};

export const productErrors: readonly ErrorCode[] = [
  "not_found",
  "unanswerable_query",
  "invalid_request",
  "search_unavailable",
];

export function limitOf(query: RouteRequest["query"]): number {
  return query["limit"] === undefined ? normalLimit : Number(query["limit"]);
}

export function modelOf(query: RouteRequest["query"]): string | undefined {
  return query["model"] === undefined ? undefined : String(query["model"]);
}

/** @throws WeirError unanswerable_query */
export function readFilter(query: RouteRequest["query"]): SearchFilter | undefined {
  const { category, price_gte: gte, price_lte: lte } = query;
  if (category === undefined && gte === undefined && lte === undefined) return undefined;
  const filter = {
    ...(category === undefined ? {} : { category: [String(category)] }),
    price: {
      ...(gte === undefined ? {} : { gte: Number(gte) }),
      ...(lte === undefined ? {} : { lte: Number(lte) }),
    },
  };
  checkPriceRange(filter, "unanswerable_query");
  return filter;
}

/** @throws WeirError of the code when no product can pass the filter */
export function checkPriceRange(
  { price }: SearchFilter,
  code: "unanswerable_query" | "invalid_request",
): void {
  const { gte, lte } = price ?? {};
  if (gte === undefined || lte === undefined || gte <= lte) return;
  throw new WeirError(code, {
    detail: `The minimum price (gte: ${gte}) is above the maximum (lte: ${lte}).`,
  });
}

/** As the vector store takes it. @param without point ids that are left out */
export function filterOf(
  asked: SearchFilter | undefined,
  without: readonly string[] = [],
): Filter | undefined {
  const must: Condition[] = [];
  if (asked?.category !== undefined) must.push({ key: "category", match: { any: asked.category } });
  if (asked?.currency !== undefined) {
    must.push({ key: "currency", match: { value: asked.currency.toUpperCase() } });
  }
  const price = asked?.price;
  // a range without bounds would exclude products without a price
  if (price?.gte !== undefined || price?.lte !== undefined) {
    must.push({ key: "price", range: price });
  }
  if (must.length === 0 && without.length === 0) return undefined;
  return {
    ...(must.length === 0 ? {} : { must }),
    ...(without.length === 0 ? {} : { must_not: [{ has_id: without }] }),
  };
}

export function productOf(point: StoredPoint, score: number): FoundProduct {
  const payload = point.payload ?? {};
  const text = (name: string) => {
    const value = payload[name];
    return typeof value === "string" ? value : null;
  };
  const price = payload["price"];
  return {
    product_id: text("product_id") ?? point.id,
    score: Math.round(score * 1e6) / 1e6,
    name: text("name"),
    category: text("category"),
    price: typeof price === "number" ? price : null,
    currency: text("currency"),
    first_seen: text("first_seen"),
    last_seen: text("last_seen"),
    counts: (payload["counts"] ?? {}) as Record<string, number>,
  };
}
