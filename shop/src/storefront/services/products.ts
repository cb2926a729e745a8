import { type ServiceClient, ServiceRefusedError } from "../../foundation/service-client.ts";

export interface Product {
  readonly id: string;
  readonly name: string;
  readonly description: string | null;
  readonly category: string;
  /** A decimal. */
  readonly price: string;
  readonly currency: string;
  /** Available now. */
  readonly stock: number;
}

export interface ProductQuestion {
  readonly category?: string | undefined;
  readonly minPrice?: string | undefined;
  readonly maxPrice?: string | undefined;
  /** Part of a name. */
  readonly text?: string | undefined;
  readonly sort?: ProductSort | undefined;
  readonly after?: string | undefined;
  readonly limit: number;
}

const productId = /^[A-Za-z0-9_-]{1,64}$/;

export const productSorts = ["name", "price", "-price", "newest"] as const;
export type ProductSort = (typeof productSorts)[number];

export interface ProductPage {
  readonly items: readonly Product[];
  readonly next: string | null;
}

export interface Products {
  list(question: ProductQuestion): Promise<ProductPage>;
  /** Undefined: there is none. */
  get(id: string): Promise<Product | undefined>;
  /** Those that exist, in the order of the ids. */
  getAll(ids: readonly string[]): Promise<Product[]>;
  categories(): Promise<readonly string[]>;
}

export function createProducts(client: ServiceClient): Products {
  const get = async (id: string): Promise<Product | undefined> => {
    if (!productId.test(id)) return undefined;
    const path = `/products/${encodeURIComponent(id)}`;
    const answer = await unlessMissing(client.request({ method: "GET", path }));
    return answer?.body as Product | undefined;
  };
  return {
    async list(question) {
      const path = `/products?${productQuery(question)}`;
      const { body } = await client.request({ method: "GET", path });
      return body as ProductPage;
    },
    get,
    async getAll(ids) {
      const products = await Promise.all(ids.map(get));
      return products.filter((product) => product !== undefined);
    },
    async categories() {
      const { body } = await client.request({ method: "GET", path: "/categories" });
      const { items } = body as { readonly items: readonly { readonly name: string }[] };
      return items.map(({ name }) => name);
    },
  };
}

function productQuery(question: ProductQuestion): URLSearchParams {
  const query = new URLSearchParams({ limit: String(question.limit) });
  const parameters = {
    category: question.category,
    min_price: question.minPrice,
    max_price: question.maxPrice,
    q: question.text,
    sort: question.sort,
    after: question.after,
  };
  for (const [name, value] of Object.entries(parameters)) {
    if (value !== undefined && value !== "") query.set(name, value);
  }
  return query;
}

/** Undefined for the answer 404. */
export async function unlessMissing<T>(call: Promise<T>): Promise<T | undefined> {
  try {
    return await call;
  } catch (error) {
    if (error instanceof ServiceRefusedError && error.status === 404) return undefined;
    throw error;
  }
}
