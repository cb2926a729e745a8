import type { Queryable } from "../core/database.ts";
import type { ProductChange } from "./collect.ts";

/** A product as it stands after the change. */
export interface ProductRow {
  readonly point_id: string;
  readonly key: string;
  readonly name: string | null;
  readonly description: string | null;
  readonly category: string | null;
  readonly price: number | null;
  readonly currency: string | null;
  /** Hex; empty when nothing was told yet. */
  readonly hash: string;
  readonly first_seen: Date;
  readonly last_seen: Date;
  readonly counts: Readonly<Record<string, number>>;
}

/** Columns of `stream.products p` that make a `ProductRow`. */
export const productColumns = `p.point_id, p.key, p.name, p.description, p.category, p.price::float8 as price,
  p.currency, encode(p.content_hash, 'hex') as hash, p.first_seen, p.last_seen, p.counts`;

export interface WrittenProducts {
  /** Products with another text than before: they need another vector, and their points at once. */
  readonly described: readonly ProductRow[];
  /** The others, by point id, with the hex hash of their text. */
  readonly counted: ReadonlyMap<string, string>;
}

interface State {
  readonly point_id: string;
  readonly hash: string;
  readonly content_rank: number;
  readonly content_at: number | null;
  readonly first_seen: number;
  readonly last_seen: number;
  readonly counts: Readonly<Record<string, number>>;
  readonly views: string;
  readonly purchases: string;
}

/** Adds the changes to the products. Once per page: it adds. */
export async function writeProducts(
  connection: Queryable,
  changes: ReadonlyMap<string, ProductChange>,
  fold: (text: string) => string,
): Promise<WrittenProducts> {
  if (changes.size === 0) return { described: [], counted: new Map() };
  // in one order everywhere, so that workers wait for each other instead of deadlocking
  const ids = [...changes.keys()].sort();
  const states = await lockProducts(connection, changes, ids);
  const merged = states.map((state) => merge(state, changes.get(state.point_id) as ProductChange));
  await connection.query({
    name: "stream_write_products",
    text: `update stream.products p
           set counts = u.counts, first_seen = to_timestamp(u.first_seen / 1000), last_seen = to_timestamp(u.last_seen / 1000),
             content_at = coalesce(to_timestamp(u.content_at / 1000), '-infinity'), views = u.views, purchases = u.purchases
           from unnest($1::uuid[], $2::jsonb[], $3::float8[], $4::float8[], $5::float8[], $6::bigint[], $7::bigint[])
             as u (id, counts, first_seen, last_seen, content_at, views, purchases)
           where p.point_id = u.id`,
    values: [
      merged.map(({ pointId }) => pointId),
      merged.map(({ counts }) => JSON.stringify(counts)),
      merged.map(({ firstSeen }) => firstSeen),
      merged.map(({ lastSeen }) => lastSeen),
      merged.map(({ contentAt }) => contentAt),
      merged.map(({ views }) => views),
      merged.map(({ purchases }) => purchases),
    ],
  });
  const told = merged.filter(({ change, isDescribed }) => isDescribed && change.described);
  return {
    described: await describeProducts(connection, told, fold),
    counted: new Map(
      merged.filter(({ isDescribed }) => !isDescribed).map(({ pointId, hash }) => [pointId, hash]),
    ),
  };
}

/** The products as they stand, made when they are new, and held until the transaction ends. */
async function lockProducts(
  connection: Queryable,
  changes: ReadonlyMap<string, ProductChange>,
  ids: readonly string[],
): Promise<State[]> {
  const read = () =>
    connection.query<State>({
      name: "stream_lock_products",
      text: `select point_id, encode(content_hash, 'hex') as hash, content_rank, counts, views, purchases,
               extract(epoch from nullif(content_at, '-infinity'))::float8 * 1000 as content_at,
               extract(epoch from first_seen)::float8 * 1000 as first_seen,
               extract(epoch from last_seen)::float8 * 1000 as last_seen
             from stream.products where point_id = any($1::uuid[]) order by point_id for no key update`,
      values: [ids],
    });
  const states = await read();
  if (states.length === ids.length) return states;
  const known = new Set(states.map((state) => state.point_id));
  const missing = ids.filter((id) => !known.has(id)).map((id) => changes.get(id) as ProductChange);
  await connection.query({
    name: "stream_add_products",
    text: `insert into stream.products (point_id, key, first_seen, last_seen)
           select id, key, to_timestamp(first_seen / 1000), to_timestamp(last_seen / 1000)
           from unnest($1::uuid[], $2::text[], $3::float8[], $4::float8[]) u (id, key, first_seen, last_seen)
           order by id on conflict do nothing`,
    values: [
      missing.map(({ pointId }) => pointId),
      missing.map(({ key }) => key),
      missing.map(({ firstSeen }) => firstSeen),
      missing.map(({ lastSeen }) => lastSeen),
    ],
  });
  return read();
}

interface Merged {
  readonly pointId: string;
  readonly change: ProductChange;
  readonly isDescribed: boolean;
  readonly hash: string;
  readonly contentAt: number | null;
  readonly counts: Record<string, number>;
  readonly firstSeen: number;
  readonly lastSeen: number;
  readonly views: number;
  readonly purchases: number;
}

function merge(state: State, change: ProductChange): Merged {
  const counts = { ...state.counts };
  for (const [type, count] of change.counts) counts[type] = (counts[type] ?? 0) + count;
  const isSame = change.described?.hash === state.hash;
  return {
    pointId: state.point_id,
    change,
    isDescribed: !isSame && isNewer(state, change),
    hash: state.hash,
    contentAt: isSame ? Math.max(state.content_at ?? 0, change.describedAt) : state.content_at,
    counts,
    firstSeen: Math.min(state.first_seen, change.firstSeen),
    lastSeen: Math.max(state.last_seen, change.lastSeen),
    views: Number(state.views) + change.views,
    purchases: Number(state.purchases) + change.purchases,
  };
}

/** Rank, event time, hash: a total order, so that the result does not depend on who writes first. */
function isNewer(state: State, { described, describedAt }: ProductChange): boolean {
  if (described === undefined) return false;
  if (described.rank !== state.content_rank) return described.rank > state.content_rank;
  const before = state.content_at ?? Number.NEGATIVE_INFINITY;
  return describedAt === before ? described.hash > state.hash : describedAt > before;
}

async function describeProducts(
  connection: Queryable,
  told: readonly Merged[],
  fold: (text: string) => string,
): Promise<ProductRow[]> {
  if (told.length === 0) return [];
  const contents = told.flatMap(({ change }) =>
    change.described === undefined ? [] : [change.described],
  );
  return connection.query<ProductRow>({
    name: "stream_describe_products",
    text: `update stream.products p
           set name = u.name, description = u.description, category = u.category, price = u.price, currency = u.currency,
             folded = u.folded, content_hash = decode(u.hash, 'hex'), content_rank = u.rank,
             content_at = to_timestamp(u.content_at / 1000)
           from unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::numeric[], $6::text[], $7::text[], $8::text[],
             $9::smallint[], $10::float8[])
             as u (id, name, description, category, price, currency, folded, hash, rank, content_at)
           where p.point_id = u.id
           returning ${productColumns}`,
    values: [
      told.map(({ pointId }) => pointId),
      contents.map(({ content }) => content.name),
      contents.map(({ content }) => content.description),
      contents.map(({ content }) => content.category),
      contents.map(({ content }) => content.price),
      contents.map(({ content }) => content.currency),
      contents.map(({ content: { name, category } }) =>
        fold([name, category].filter((part) => part !== null).join(" ")),
      ),
      contents.map(({ hash }) => hash),
      contents.map(({ rank }) => rank),
      told.map(({ change }) => change.describedAt),
    ],
  });
}

/** What the product's point says of it; members that are not known are left out. */
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
