import {
  type FoundProduct,
  recommendationsSchema,
  type SearchFilter,
  type SearchQuestion,
  schema,
  searchAnswerSchema,
  searchQuestionSchema,
  similarAnswerSchema,
} from "@weir/protocol";
import { WeirError } from "../../core/errors.ts";
import type { Route, RouteRequest } from "../../core/ports/route.ts";
import { uuidOfText } from "../../core/uuid.ts";
import type { SearchContext } from "./context.ts";
import { fuseRanks, lexicalRanks } from "./lexical.ts";
import { filterOf, productOf, type Target } from "./searcher.ts";
import { popularProducts, readBought } from "./taste.ts";

/** Of each list that is fused: what stands deeper changes nothing at the top. */
const fusedDepth = 100;
const normalLimit = 10;
const limit = schema.integer({ minimum: 1, maximum: 100, default: normalLimit });
const filterParameters = {
  limit,
  category: schema.string({ maxLength: 200, description: "Only products of this category." }),
  price_gte: schema.number({ description: "Only at this price or above." }),
  price_lte: schema.number({ description: "Only at this price or below." }),
  model: schema.string({ maxLength: 200, description: "Another model than the live one." }),
};

/** Products that are like something: another product, a text, a user's taste. */
export function productRoutes(context: SearchContext): Route[] {
  return [
    {
      method: "GET",
      path: "/api/products/:id/similar",
      view: "search.similar_products",
      access: "permission",
      summary: "Products whose texts mean much the same, best first.",
      query: filterParameters,
      responses: {
        200: { description: "The product and those like it.", schema: similarAnswerSchema },
      },
      handle: (request) => similar(context, request),
    },
    {
      method: "POST",
      path: "/api/search",
      view: "search.product_search",
      access: "permission",
      summary: "Products by meaning; with `hybrid` also by their words.",
      body: { kind: "json", schema: searchQuestionSchema },
      responses: { 200: { description: "Products, best first.", schema: searchAnswerSchema } },
      handle: (request) => search(context, request),
    },
    {
      method: "GET",
      path: "/api/users/:id/recommendations",
      view: "search.recommendations",
      access: "permission",
      summary:
        "What a user may like, without what was bought; popular products when nothing is known.",
      query: filterParameters,
      responses: { 200: { description: "Products, best first.", schema: recommendationsSchema } },
      handle: (request) => recommend(context, request),
    },
  ];
}

function readFilter(query: RouteRequest["query"]): SearchFilter | undefined {
  const { category, price_gte: gte, price_lte: lte } = query;
  if (category === undefined && gte === undefined && lte === undefined) return undefined;
  const filter = {
    ...(category === undefined ? {} : { category: [String(category)] }),
    price: {
      ...(gte === undefined ? {} : { gte: Number(gte) }),
      ...(lte === undefined ? {} : { lte: Number(lte) }),
    },
  };
  demandRange(filter, "invalid_query");
  return filter;
}

/** @throws WeirError of the code: no product can pass the filter */
function demandRange({ price }: SearchFilter, code: "invalid_query" | "invalid_request"): void {
  const { gte, lte } = price ?? {};
  if (gte === undefined || lte === undefined || gte <= lte) return;
  throw new WeirError(code, {
    detail: `The lowest price (gte: ${gte}) lies above the highest (lte: ${lte}).`,
  });
}

async function similar({ searcher }: SearchContext, request: RouteRequest) {
  const { params, query, signal } = request;
  const id = params["id"] ?? "";
  const pointId = uuidOfText(id);
  const target = await searcher.target("products", modelOf(query));
  const [point] = await searcher.ask(signal, (store, options) =>
    store.retrieve(target.collection, [pointId], {
      ...options,
      with_payload: true,
      with_vector: true,
    }),
  );
  if (point?.vector === undefined) {
    throw new WeirError("not_found", {
      detail: `no product "${id}" is known with a name, description or category; it is within a tenth of a second of its first event that has one`,
    });
  }
  const { vector } = point;
  const filter = filterOf(readFilter(query), [pointId]);
  const found = await searcher.ask(signal, (store, options) =>
    store.query(
      target.collection,
      {
        vector,
        limit: limitOf(query),
        with_payload: true,
        ...(filter === undefined ? {} : { filter }),
      },
      options,
    ),
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

async function search(context: SearchContext, { body, signal }: RouteRequest) {
  const question = body as SearchQuestion;
  if (question.filter !== undefined) demandRange(question.filter, "invalid_request");
  const { searcher } = context;
  const target = await searcher.target("products", question.model);
  const vector = await searcher.embed(target, question.text, signal);
  const results =
    question.hybrid === true
      ? await hybrid(context, { target, question, vector }, signal)
      : await nearest(
          context,
          { target, question, vector, limit: question.limit ?? normalLimit },
          signal,
        );
  return { status: 200, body: { results, source: await searcher.source(target, signal) } };
}

interface Asked {
  readonly target: Target;
  readonly question: SearchQuestion;
  readonly vector: Float32Array;
}

async function nearest(
  { searcher }: SearchContext,
  { target, question, vector, limit: wanted }: Asked & { readonly limit: number },
  signal: AbortSignal,
): Promise<FoundProduct[]> {
  // a text without a single known letter sequence is like nothing
  if (vector.every((value) => value === 0)) return [];
  const filter = filterOf(question.filter);
  const threshold = question.score_threshold;
  const found = await searcher.ask(signal, (store, options) =>
    store.query(
      target.collection,
      {
        vector,
        limit: wanted,
        with_payload: true,
        ...(filter === undefined ? {} : { filter }),
        ...(threshold === undefined ? {} : { score_threshold: threshold }),
      },
      options,
    ),
  );
  return found.map((point) => productOf(point, point.score));
}

async function hybrid(
  context: SearchContext,
  asked: Asked,
  signal: AbortSignal,
): Promise<FoundProduct[]> {
  const { target, question, vector } = asked;
  const byVector = await nearest(context, { ...asked, limit: fusedDepth }, signal);
  const found = new Map(byVector.map((product) => [uuidOfText(product.product_id), product]));
  const near = [...found.keys()];
  const byLetters = await lexicalRanks(
    context.database,
    { folded: context.fold(question.text), near, filter: question.filter, limit: fusedDepth },
    signal,
  );
  const ids = fuseRanks(near, byLetters).slice(0, question.limit ?? normalLimit);
  const missing = ids.filter((id) => !found.has(id));
  const points =
    missing.length === 0
      ? []
      : await context.searcher.ask(signal, (store, options) =>
          store.retrieve(target.collection, missing, {
            ...options,
            with_payload: true,
            with_vector: true,
          }),
        );
  for (const point of points) {
    found.set(
      point.id,
      productOf(point, point.vector === undefined ? 0 : dot(point.vector, vector)),
    );
  }
  return ids.flatMap((id) => found.get(id) ?? []);
}

function dot(a: Float32Array, b: Float32Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += (a[i] as number) * (b[i] as number);
  return sum;
}

async function recommend(context: SearchContext, { params, query, signal }: RouteRequest) {
  const { searcher, database } = context;
  const userId = params["id"] ?? "";
  const pointId = uuidOfText(userId);
  const model = modelOf(query);
  const products = await searcher.target("products", model);
  const users = await searcher.target("users", products.model.id);
  const [[user], bought] = await Promise.all([
    searcher.ask(signal, (store, options) =>
      store.retrieve(users.collection, [pointId], { ...options, with_vector: true }),
    ),
    readBought(database, pointId, signal),
  ]);
  const question = { filter: readFilter(query), without: bought, limit: limitOf(query) };
  const vector = user?.vector;
  let results: FoundProduct[] = [];
  if (vector !== undefined) {
    const filter = filterOf(question.filter, bought);
    const found = await searcher.ask(signal, (store, options) =>
      store.query(
        products.collection,
        {
          vector,
          limit: question.limit,
          with_payload: true,
          ...(filter === undefined ? {} : { filter }),
        },
        options,
      ),
    );
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

function limitOf(query: RouteRequest["query"]): number {
  return query["limit"] === undefined ? normalLimit : Number(query["limit"]);
}

function modelOf(query: RouteRequest["query"]): string | undefined {
  return query["model"] === undefined ? undefined : String(query["model"]);
}
