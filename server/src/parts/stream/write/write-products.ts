import { ArrayColumn, typeIds } from "../../../core/array-column.ts";
import type { Queryable } from "../../../core/ports/database.ts";
import { type ProductRow, productColumns } from "../points/product-points.ts";
import type { ProductChange } from "./collect.ts";

export interface WrittenProducts {
  /** Products whose text has changed: they need a new vector, and their points at once. */
  readonly described: readonly ProductRow[];
  /** The other products whose stored text is known: its hex hash by point id. */
  readonly confirmed: ReadonlyMap<string, string>;
  /** Of all products, by point id. */
  readonly numbers: ReadonlyMap<string, number>;
}

/** The stored state of a product's text. */
interface StoredText {
  readonly point_id: string;
  readonly number: number;
  /** From the page's text, if it has one. */
  readonly differs: boolean | null;
  readonly hash: Buffer;
  readonly content_rank: number;
  readonly content_at: number | null;
}

/** Adds the changes to the products. Not idempotent: call it once per page. */
export async function writeProducts(
  connection: Queryable,
  changes: ReadonlyMap<string, ProductChange>,
  fold: (text: string) => string,
): Promise<WrittenProducts> {
  const stored = await addToProducts(connection, changes);
  const changed: ProductChange[] = [];
  const confirmed = new Map<string, string>();
  const numbers = new Map<string, number>();
  for (const product of stored) {
    numbers.set(product.point_id, product.number);
    const change = changes.get(product.point_id) as ProductChange;
    if (change.described === undefined) continue;
    if (product.differs === true && isNewer(product, change)) changed.push(change);
    else confirmed.set(product.point_id, product.hash.toString("hex"));
  }
  return { described: await describeProducts(connection, changed, fold), confirmed, numbers };
}

/** Inserts new products. Returns all, locked until the transaction ends. */
async function addToProducts(
  connection: Queryable,
  changes: ReadonlyMap<string, ProductChange>,
): Promise<StoredText[]> {
  const stored: StoredText[] = [];
  // always in the same order, so that workers wait for each other instead of deadlocking
  let left = [...changes.keys()].sort().map((id) => changes.get(id) as ProductChange);
  while (left.length > 0) {
    const added = await addToKnown(connection, left);
    stored.push(...added);
    const known = new Set(added.map((product) => product.point_id));
    const inserted = await insertProducts(
      connection,
      left.filter(({ pointId }) => !known.has(pointId)),
    );
    stored.push(...inserted);
    for (const product of inserted) known.add(product.point_id);
    // another worker has inserted these meanwhile
    left = left.filter(({ pointId }) => !known.has(pointId));
  }
  return stored;
}

function addToKnown(
  connection: Queryable,
  changes: readonly ProductChange[],
): Promise<StoredText[]> {
  return connection.query<StoredText>({
    name: "stream_add_to_products",
    text: `select point_id, number, differs, hash, content_rank,
             extract(epoch from nullif(content_at, '-infinity'))::float8 * 1000 as content_at
           from stream.add_to_products($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`,
    values: columnsOf(changes),
  });
}

function insertProducts(
  connection: Queryable,
  changes: readonly ProductChange[],
): Promise<StoredText[]> {
  if (changes.length === 0) return Promise.resolve([]);
  return connection.query<StoredText>({
    name: "stream_insert_products",
    text: `insert into stream.products (point_id, key, counts, first_seen, last_seen, views, purchases)
           select id, key, coalesce(counts::jsonb, jsonb_build_object(type, events)), first_seen, last_seen, views, purchases
           from unnest($1::uuid[], $2::text[], $3::int[], $4::text[], $5::timestamptz[], $6::timestamptz[], $7::int[],
             $8::int[], $9::bytea[], $10::timestamptz[], $11::text[])
             as u (id, type, events, counts, first_seen, last_seen, views, purchases, hash, described_at, key)
           on conflict do nothing
           returning point_id, number, content_hash as hash, content_rank, null::float8 as content_at, true as differs`,
    values: [...columnsOf(changes), changes.map(({ key }) => key)],
  });
}

/** The arguments of stream.add_to_products. */
function columnsOf(changes: readonly ProductChange[]): Buffer[] {
  const id = new ArrayColumn(typeIds.uuid);
  const type = new ArrayColumn(typeIds.text);
  const events = new ArrayColumn(typeIds.int4);
  const counts = new ArrayColumn(typeIds.text);
  const firstSeen = new ArrayColumn(typeIds.timestamptz);
  const lastSeen = new ArrayColumn(typeIds.timestamptz);
  const views = new ArrayColumn(typeIds.int4);
  const purchases = new ArrayColumn(typeIds.int4);
  const hash = new ArrayColumn(typeIds.bytea);
  const describedAt = new ArrayColumn(typeIds.timestamptz);
  const columns = [
    id,
    type,
    events,
    counts,
    firstSeen,
    lastSeen,
    views,
    purchases,
    hash,
    describedAt,
  ];
  for (const column of columns) column.begin(changes.length);
  for (const change of changes) {
    id.uuid(change.pointId);
    const [[onlyType, count] = ["", 0]] = change.counts;
    type.text(onlyType);
    events.int4(count);
    counts.text(
      change.counts.size === 1 ? null : JSON.stringify(Object.fromEntries(change.counts)),
    );
    firstSeen.timestamp(change.firstSeen * 1000);
    lastSeen.timestamp(change.lastSeen * 1000);
    views.int4(change.views);
    purchases.int4(change.purchases);
    hash.hex(change.described?.hash ?? null);
    if (change.described === undefined) describedAt.null();
    else describedAt.timestamp(change.describedAt * 1000);
  }
  return columns.map((column) => column.end());
}

/** Rank, event time, hash: a total order, so that the result does not depend on which worker writes first. */
function isNewer(stored: StoredText, { described, describedAt }: ProductChange): boolean {
  if (described === undefined) return false;
  if (described.rank !== stored.content_rank) return described.rank > stored.content_rank;
  const before = stored.content_at ?? Number.NEGATIVE_INFINITY;
  return describedAt === before
    ? described.hash > stored.hash.toString("hex")
    : describedAt > before;
}

async function describeProducts(
  connection: Queryable,
  changes: readonly ProductChange[],
  fold: (text: string) => string,
): Promise<ProductRow[]> {
  if (changes.length === 0) return [];
  const contents = changes.flatMap(({ described }) => (described === undefined ? [] : [described]));
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
      changes.map(({ pointId }) => pointId),
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
      changes.map(({ describedAt }) => describedAt),
    ],
  });
}
