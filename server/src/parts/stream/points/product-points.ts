/** Products as the table has them, and what their points say. */

/** A row of `stream.products`, read with `productColumns`. */
export interface ProductRow {
  readonly point_id: string;
  readonly number: number;
  readonly key: string;
  readonly name: string | null;
  readonly description: string | null;
  readonly category: string | null;
  readonly price: number | null;
  readonly currency: string | null;
  /** Hex; empty while no event has described the product. */
  readonly hash: string;
  readonly first_seen: Date;
  readonly last_seen: Date;
  readonly counts: Readonly<Record<string, number>>;
}

/** Columns of `stream.products p` that make a `ProductRow`. */
export const productColumns = `p.point_id, p.number, p.key, p.name, p.description, p.category, p.price::float8 as price,
  p.currency, encode(p.content_hash, 'hex') as hash, p.first_seen, p.last_seen, p.counts`;

/** The payload of the product's point; unknown members are left out. */
export function productPayload(row: ProductRow): Record<string, unknown> {
  return {
    product_id: row.key,
    ...(row.name === null ? {} : { name: row.name }),
    ...(row.category === null ? {} : { category: row.category }),
    ...(row.price === null ? {} : { price: row.price }),
    ...(row.currency === null ? {} : { currency: row.currency }),
    first_seen: row.first_seen.toISOString(),
    last_seen: row.last_seen.toISOString(),
    counts: row.counts,
  };
}
