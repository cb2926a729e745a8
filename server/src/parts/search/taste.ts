/** What is known of users and products besides vectors. */
import type { FoundProduct, SearchFilter } from "@weir/protocol";
import type { Queryable } from "../../core/ports/database.ts";

/** Point ids of what the user bought; empty for an unknown user. */
export async function readBought(
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

interface Row {
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
 * Most bought, then most viewed. Found by the steps of popularity that are indexed and then put in exact order, so
 * that of products that are nearly as popular as the last one any may be left out. Their score is 0: they are like nothing. */
export async function popularProducts(
  database: Queryable,
  question: {
    readonly filter: SearchFilter | undefined;
    readonly without: readonly string[];
    readonly limit: number;
  },
  signal: AbortSignal,
): Promise<FoundProduct[]> {
  const { filter } = question;
  const rows = await database.query<Row>(
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
  return rows.map((row) => ({
    product_id: row.key,
    score: 0,
    name: row.name,
    category: row.category,
    price: row.price,
    currency: row.currency,
    first_seen: row.first_seen.toISOString(),
    last_seen: row.last_seen.toISOString(),
    counts: row.counts,
  }));
}
