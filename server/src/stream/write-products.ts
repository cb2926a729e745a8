import type { Queryable } from "../core/database.ts";
import type { ProductChange } from "./collect.ts";

/** A product as it stands after the change. */
export interface ProductRow {
  readonly point_id: string;
  readonly key: string;
  readonly name: string | null;
  readonly description: string | null;
  readonly category: string | null;
  readonly price: string | null;
  readonly currency: string | null;
  /** Hex; empty when nothing was told yet. */
  readonly hash: string;
  readonly first_seen: Date;
  readonly last_seen: Date;
  readonly counts: Readonly<Record<string, number>>;
  readonly views: string;
  readonly purchases: string;
  /** The text is another one than before: it needs another vector. */
  readonly changed: boolean;
}

/** Columns of `stream.products p` that make a `ProductRow`, but for `changed`. */
export const productColumns = `p.point_id, p.key, p.name, p.description, p.category, p.price::text, p.currency,
  encode(p.content_hash, 'hex') as hash, p.first_seen, p.last_seen, p.counts, p.views, p.purchases`;

/** Rank, event time, hash: a total order, so that the result does not depend on who writes first. */
const isNewer = `(excluded.content_rank, excluded.content_at, excluded.content_hash)
  > (p.content_rank, p.content_at, p.content_hash)`;
const newest = (column: string) =>
  `${column} = case when ${isNewer} then excluded.${column} else p.${column} end`;

const upsertStatement = `
insert into stream.products as p (point_id, key, name, description, category, price, currency, content_hash,
  content_rank, content_at, folded, first_seen, last_seen, counts, views, purchases)
select point_id, key, name, description, category, price, currency, decode(hash, 'hex'), rank,
  coalesce(to_timestamp(content_at / 1000), '-infinity'), folded, to_timestamp(first_seen / 1000),
  to_timestamp(last_seen / 1000), counts, views, purchases
from unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::numeric[], $7::text[], $8::text[],
  $9::smallint[], $10::float8[], $11::text[], $12::float8[], $13::float8[], $14::jsonb[], $15::bigint[], $16::bigint[])
  as u (point_id, key, name, description, category, price, currency, hash, rank, content_at, folded,
    first_seen, last_seen, counts, views, purchases)
order by point_id
on conflict (point_id) do update set
  ${["name", "description", "category", "price", "currency", "folded", "content_hash", "content_rank", "content_at"].map(newest).join(", ")},
  first_seen = least(p.first_seen, excluded.first_seen),
  last_seen = greatest(p.last_seen, excluded.last_seen),
  counts = stream.add_counts(p.counts, excluded.counts),
  views = p.views + excluded.views,
  purchases = p.purchases + excluded.purchases
returning ${productColumns.replaceAll("p.", "new.")},
  coalesce(old.content_hash, '') <> new.content_hash as changed`;

/** Adds the changes to the products; answers them as they then stand. Once per page: it adds. */
export async function writeProducts(
  connection: Queryable,
  changes: readonly ProductChange[],
  fold: (text: string) => string,
): Promise<ProductRow[]> {
  if (changes.length === 0) return [];
  const contents = changes.map(({ described }) => described?.content);
  return connection.query<ProductRow>({
    name: "stream_write_products",
    text: upsertStatement,
    values: [
      changes.map(({ pointId }) => pointId),
      changes.map(({ key }) => key),
      contents.map((content) => content?.name ?? null),
      contents.map((content) => content?.description ?? null),
      contents.map((content) => content?.category ?? null),
      contents.map((content) => content?.price ?? null),
      contents.map((content) => content?.currency ?? null),
      changes.map(({ described }) => described?.hash ?? ""),
      changes.map(({ described }) => described?.rank ?? 0),
      changes.map(({ described, describedAt }) => (described === undefined ? null : describedAt)),
      contents.map((content) =>
        fold([content?.name, content?.category].filter((part) => part).join(" ")),
      ),
      changes.map(({ firstSeen }) => firstSeen),
      changes.map(({ lastSeen }) => lastSeen),
      changes.map(({ counts }) => JSON.stringify(Object.fromEntries(counts))),
      changes.map(({ views }) => views),
      changes.map(({ purchases }) => purchases),
    ],
  });
}

/** What the product's point says of it; members that are not known are left out. */
export function productPayload(row: ProductRow): Record<string, unknown> {
  return {
    product_id: row.key,
    ...(row.name === null ? {} : { name: row.name }),
    ...(row.category === null ? {} : { category: row.category }),
    ...(row.price === null ? {} : { price: Number(row.price) }),
    ...(row.currency === null ? {} : { currency: row.currency }),
    first_seen: row.first_seen.toISOString(),
    last_seen: row.last_seen.toISOString(),
    counts: row.counts,
  };
}
