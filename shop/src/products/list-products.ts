import { decodeCursor, encodeCursor } from "../foundation/cursor.ts";
import type { Queryable } from "../foundation/database.ts";
import { Problem, problemKinds } from "../foundation/problems.ts";
import { type Product, type ProductRow, productColumns, toProduct } from "./product.ts";

export interface ProductFilter {
  readonly category?: string;
  /** Decimal; both ends are included. */
  readonly min_price?: string;
  readonly max_price?: string;
  /** Words that the name contains, in any order and case, also as a part of a word. */
  readonly q?: string;
  readonly sort?: ProductSort;
}

export interface ProductPage {
  readonly items: readonly Product[];
  /** The cursor of the following page; null on the last. */
  readonly next: string | null;
}

interface Sort {
  readonly column: string;
  readonly type: "text" | "numeric" | "timestamptz";
  readonly descending: boolean;
}

/** Ties are ordered by id, so that every product has one place. */
const sorts = {
  name: { column: "name", type: "text", descending: false },
  price: { column: "price", type: "numeric", descending: false },
  "-price": { column: "price", type: "numeric", descending: true },
  newest: { column: "created_at", type: "timestamptz", descending: true },
} as const satisfies Record<string, Sort>;

export type ProductSort = keyof typeof sorts;
export const productSorts = Object.keys(sorts) as ProductSort[];

const maxWords = 8;

/** One page by keyset: a product that is added or removed meanwhile moves no other to another page. */
export async function listProducts(
  database: Queryable,
  filter: ProductFilter,
  page: { readonly after?: string | undefined; readonly limit: number },
): Promise<ProductPage> {
  const sort: Sort = sorts[filter.sort ?? "name"];
  const scope = ["products", filter];
  const values: unknown[] = [];
  const value = (given: unknown, type: string): string => `$${values.push(given)}::${type}`;
  const conditions = ["p.deleted_at is null"];
  if (filter.category !== undefined) {
    conditions.push(`p.category = ${value(filter.category, "text")}`);
  }
  if (filter.min_price !== undefined) {
    conditions.push(`p.price >= ${value(filter.min_price, "numeric")}`);
  }
  if (filter.max_price !== undefined) {
    conditions.push(`p.price <= ${value(filter.max_price, "numeric")}`);
  }
  for (const word of wordsOf(filter.q ?? "")) {
    conditions.push(`p.name ilike ${value(`%${escapeLike(word)}%`, "text")}`);
  }
  if (page.after !== undefined) {
    const [place, id] = decodeCursor(scope, page.after);
    const than = sort.descending ? "<" : ">";
    conditions.push(
      `(p.${sort.column}, p.id) ${than} (${value(place, sort.type)}, ${value(id, "text")})`,
    );
  }
  const direction = sort.descending ? "desc" : "asc";
  const rows = await database.query<ProductRow & { readonly place: string }>(
    `select ${productColumns}, p.${sort.column}::text as place from products p
     where ${conditions.join(" and ")}
     order by p.${sort.column} ${direction}, p.id ${direction}
     limit ${value(page.limit + 1, "int")}`,
    values,
  );
  const shown = rows.slice(0, page.limit);
  const last = rows.length > page.limit ? shown.at(-1) : undefined;
  return {
    items: shown.map(toProduct),
    next: last === undefined ? null : encodeCursor(scope, [last.place, last.id]),
  };
}

function wordsOf(q: string): string[] {
  const words = q.split(/\s+/).filter((word) => word !== "");
  if (words.length <= maxWords) return words;
  throw new Problem(problemKinds.invalid_request, `query: q has more than ${maxWords} words`);
}

function escapeLike(word: string): string {
  return word.replace(/[\\%_]/g, (character) => `\\${character}`);
}
