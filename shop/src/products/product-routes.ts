import type { CacheAside } from "../cache/cache-aside.ts";
import type { Database } from "../foundation/database.ts";
import type { App } from "../foundation/http-app.ts";
import { type CallerTokens, requireCaller } from "../foundation/tokens.ts";
import {
  addProduct,
  changeProduct,
  listCategories,
  type NewProduct,
  notFound,
  type ProductChange,
  removeProduct,
} from "./catalogue.ts";
import { listProducts, type ProductFilter, productSorts } from "./list-products.ts";
import type { Product } from "./product.ts";
import type { ProductEvents } from "./stock-events.ts";

export interface RouteParts {
  readonly database: Database;
  readonly cache: CacheAside<Product>;
  readonly events: ProductEvents;
  readonly tokens: CallerTokens;
}

const productId = { type: "string", pattern: "^[A-Za-z0-9_-]{1,64}$" };
const price = { type: "string", pattern: "^\\d{1,10}(\\.\\d{1,2})?$" };
const line = (maxLength: number) => ({ type: "string", minLength: 1, maxLength });

const members = {
  name: line(200),
  description: { type: "string", maxLength: 4_000 },
  category: line(100),
  price,
  currency: { type: "string", pattern: "^[A-Z]{3}$" },
  stock: { type: "integer", minimum: 0, maximum: 1_000_000 },
};

const listQuery = {
  type: "object",
  additionalProperties: false,
  properties: {
    category: line(100),
    min_price: price,
    max_price: price,
    q: { type: "string", maxLength: 200 },
    sort: { enum: productSorts },
    after: { type: "string", maxLength: 1_000 },
    limit: { type: "integer", minimum: 1, maximum: 100, default: 24 },
  },
};

interface ListQuery extends ProductFilter {
  readonly after?: string;
  readonly limit: number;
}

interface ById {
  readonly Params: { readonly id: string };
}

/** The catalogue: reading for all, changes with the token of an administrator. */
export function mountProducts(app: App, parts: RouteParts): void {
  const { database, cache, events } = parts;
  const onRequest = requireCaller(parts.tokens, ["admin"]);
  const params = { type: "object", properties: { id: productId } };

  app.get<{ Querystring: ListQuery }>(
    "/products",
    { schema: { querystring: listQuery } },
    async ({ query: { after, limit, ...filter } }) =>
      listProducts(database, filter, { after, limit }),
  );

  app.get("/categories", async () => ({ items: await listCategories(database), next: null }));

  app.get<ById>("/products/:id", { schema: { params } }, async ({ params: { id } }, reply) => {
    const { value, outcome } = await cache.read(id);
    reply.header("x-cache", outcome);
    if (value === null) throw notFound(id);
    return value;
  });

  app.post<{ Body: NewProduct }>(
    "/products",
    {
      onRequest,
      schema: {
        body: {
          type: "object",
          required: ["id", "name", "category", "price", "currency"],
          additionalProperties: false,
          properties: { id: productId, ...members },
        },
      },
    },
    async ({ body }, reply) => {
      const { product, version } = await addProduct(database, body);
      await cache.invalidate([{ key: product.id, version }]);
      events.productChanged("product.created", product);
      return reply.code(201).header("location", `/products/${product.id}`).send(product);
    },
  );

  app.patch<ById & { Body: ProductChange }>(
    "/products/:id",
    {
      onRequest,
      schema: {
        params,
        body: {
          type: "object",
          minProperties: 1,
          additionalProperties: false,
          properties: members,
        },
      },
    },
    async ({ params: { id }, body }) => {
      const { product, version } = await changeProduct(database, id, body);
      await cache.invalidate([{ key: id, version }]);
      events.productChanged("product.updated", product);
      return product;
    },
  );

  app.delete<ById>(
    "/products/:id",
    { onRequest, schema: { params } },
    async ({ params: { id } }, reply) => {
      const version = await removeProduct(database, id);
      await cache.invalidate([{ key: id, version }]);
      events.productRemoved(id);
      return reply.code(204).send();
    },
  );
}
