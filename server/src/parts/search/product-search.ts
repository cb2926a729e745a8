import {
  type FoundProduct,
  type SearchQuestion,
  searchAnswerSchema,
  searchQuestionSchema,
} from "@weir/protocol";
import type { Route, RouteRequest } from "../../core/ports/route.ts";
import { uuidOfText } from "../../core/uuid.ts";
import type { SearchContext } from "./context.ts";
import { fuseRanks, lexicalRanks } from "./lexical.ts";
import { checkPriceRange, filterOf, normalLimit, productOf } from "./products.ts";
import { isZero, type Target } from "./searcher.ts";

/** Of each list that is fused: lower ranks do not change the top. */
const fusedDepth = 100;

export function productSearchRoute(context: SearchContext): Route {
  return {
    method: "POST",
    path: "/api/search",
    view: "search.product_search",
    access: "permission",
    summary: "Products by meaning; with `hybrid` also by their words.",
    body: { kind: "json", schema: searchQuestionSchema },
    errors: ["search_unavailable"],
    responses: { 200: { description: "Products, best first.", schema: searchAnswerSchema } },
    handle: (request) => search(context, request),
  };
}

async function search(context: SearchContext, { body, signal }: RouteRequest) {
  const question = body as SearchQuestion;
  if (question.filter !== undefined) checkPriceRange(question.filter, "invalid_request");
  const { searcher } = context;
  const target = await searcher.target("products", question.model);
  const vector = await searcher.embed(target, question.text, signal);
  const search = { target, question, vector };
  const results =
    question.hybrid === true
      ? await hybrid(context, search, signal)
      : await nearest(context, { ...search, limit: question.limit ?? normalLimit }, signal);
  return { status: 200, body: { results, source: await searcher.source(target, signal) } };
}

interface Search {
  readonly target: Target;
  readonly question: SearchQuestion;
  readonly vector: Float32Array;
}

async function nearest(
  { searcher }: SearchContext,
  { target, question, vector, limit }: Search & { readonly limit: number },
  signal: AbortSignal,
): Promise<FoundProduct[]> {
  if (isZero(vector)) return [];
  const { filter, score_threshold: threshold } = question;
  const found = await searcher.nearest(
    target,
    { vector, limit, filter: filterOf(filter), threshold },
    signal,
  );
  return found.map((point) => productOf(point, point.score));
}

/** The nearest by vector and the most similar texts, in one ranking. */
async function hybrid(
  context: SearchContext,
  search: Search,
  signal: AbortSignal,
): Promise<FoundProduct[]> {
  const { target, question, vector } = search;
  const byVector = await nearest(context, { ...search, limit: fusedDepth }, signal);
  const found = new Map(byVector.map((product) => [uuidOfText(product.product_id), product]));
  const near = [...found.keys()];
  const byText = await lexicalRanks(
    context.database,
    { folded: context.fold(question.text), near, filter: question.filter, limit: fusedDepth },
    signal,
  );
  const ids = fuseRanks(near, byText).slice(0, question.limit ?? normalLimit);
  const missing = ids.filter((id) => !found.has(id));
  const points =
    missing.length === 0 ? [] : await context.searcher.retrieve(target, missing, signal);
  for (const point of points) {
    const score = point.vector === undefined ? 0 : dot(point.vector, vector);
    found.set(point.id, productOf(point, score));
  }
  return ids.flatMap((id) => found.get(id) ?? []);
}

function dot(a: Float32Array, b: Float32Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += (a[i] as number) * (b[i] as number);
  return sum;
}
