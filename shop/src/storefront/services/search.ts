import type { ServiceClient } from "../../foundation/service-client.ts";
import { unlessMissing } from "./products.ts";

/** Product ids by meaning, from Weir. */
export interface Search {
  find(text: string, filter: SearchFilter): Promise<readonly string[]>;
  /** Empty for a product that Weir does not know yet. */
  similar(productId: string, limit: number): Promise<readonly string[]>;
  /** Basis `popular`: Weir knows nothing about the user. */
  recommend(userId: string, limit: number): Promise<Recommendations>;
}

export interface SearchFilter {
  readonly category?: string | undefined;
  readonly minPrice?: string | undefined;
  readonly maxPrice?: string | undefined;
  readonly limit: number;
}

export interface Recommendations {
  readonly basis: "interest" | "popular";
  readonly ids: readonly string[];
}

interface Found {
  readonly results: readonly { readonly product_id: string }[];
  readonly basis?: "interest" | "popular";
}

export function createSearch(client: ServiceClient): Search {
  return {
    async find(text, { category, minPrice, maxPrice, limit }) {
      const price = {
        ...(minPrice === undefined ? {} : { gte: Number(minPrice) }),
        ...(maxPrice === undefined ? {} : { lte: Number(maxPrice) }),
      };
      const filter = {
        ...(category === undefined ? {} : { category: [category] }),
        ...(Object.keys(price).length === 0 ? {} : { price }),
      };
      const answer = await client.request({
        method: "POST",
        path: "/api/search",
        idempotent: true,
        // hybrid also compares words and their parts, which finds typing errors and exact names
        body: { text, hybrid: true, limit, filter },
      });
      return idsOf(answer.body);
    },
    async similar(productId, limit) {
      const path = `/api/products/${encodeURIComponent(productId)}/similar?limit=${limit}`;
      const answer = await unlessMissing(client.request({ method: "GET", path }));
      return answer === undefined ? [] : idsOf(answer.body);
    },
    async recommend(userId, limit) {
      const path = `/api/users/${encodeURIComponent(userId)}/recommendations?limit=${limit}`;
      const { body } = await client.request({ method: "GET", path });
      return { basis: (body as Found).basis ?? "popular", ids: idsOf(body) };
    },
  };
}

function idsOf(body: unknown): string[] {
  return (body as Found).results.map(({ product_id }) => product_id);
}
