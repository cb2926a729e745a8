/** What products and users must be after a list of events, worked out naively in the test. */

import type { TestDatabase } from "../../../testing/database.ts";
import { createLsaEmbedder } from "../../src/adapters/embeddings/lsa/lsa.ts";
import { decodeLsaModel } from "../../src/adapters/embeddings/lsa/model.ts";
import { uuidOfText } from "../../src/core/uuid.ts";
import { readModelFile } from "../../src/parts/models/model-files.ts";
import { decodeInterest, decodeNumbers } from "../../src/parts/stream/points/interest.ts";
import type { LedgerEvent } from "../helpers/etl/window-oracle.ts";

const weights: Readonly<Record<string, number>> = { view: 1, cart: 3, purchase: 5 };
const halfLifeMs = 14 * 86_400_000;
const epoch = Date.UTC(2024, 0, 1);

/** One line for each product and user, to be compared as text. */
export function expectedStream(ledger: readonly LedgerEvent[]): string[] {
  const products = new Map<string, { counts: Map<string, number>; first: number; last: number }>();
  const users = new Map<
    string,
    { events: number; weights: Map<string, number>; bought: Set<string> }
  >();
  for (const event of ledger) {
    if (event.product === null) continue;
    const product = products.get(event.product) ?? {
      counts: new Map(),
      first: event.at,
      last: event.at,
    };
    products.set(event.product, product);
    product.counts.set(event.type, (product.counts.get(event.type) ?? 0) + 1);
    product.first = Math.min(product.first, event.at);
    product.last = Math.max(product.last, event.at);
    const weight = weights[event.action];
    if (event.user === null || weight === undefined) continue;
    const user = users.get(event.user) ?? { events: 0, weights: new Map(), bought: new Set() };
    users.set(event.user, user);
    user.events++;
    const decayed = weight * 2 ** ((event.at - epoch) / halfLifeMs);
    user.weights.set(event.product, (user.weights.get(event.product) ?? 0) + decayed);
    if (event.action === "purchase") user.bought.add(event.product);
  }
  return [
    ...[...products].map(([key, { counts, first, last }]) =>
      productLine(key, { counts: Object.fromEntries(counts), first, last }),
    ),
    ...[...users].map(([key, user]) =>
      userLine(key, {
        events: user.events,
        interest: new Map(
          [...user.weights].map(([id, weight]) => [uuidOfText(id), Math.log2(weight)]),
        ),
        bought: [...user.bought].map(uuidOfText),
      }),
    ),
  ].sort();
}

function productLine(
  key: string,
  product: { counts: Record<string, number>; first: number; last: number },
): string {
  const counts = Object.entries(product.counts).sort(([a], [b]) => (a < b ? -1 : 1));
  return `product ${key} ${JSON.stringify(counts)} ${product.first} ${product.last}`;
}

function userLine(
  key: string,
  user: { events: number; interest: ReadonlyMap<string, number>; bought: readonly string[] },
): string {
  const interest = [...user.interest].map(([id, weight]) => `${id}=${weight.toFixed(6)}`).sort();
  return `user ${key} ${user.events} ${interest.join(" ")} bought ${[...user.bought].sort().join(" ")}`;
}

/** The same lines, from what the stream wrote. */
export async function storedStream(database: TestDatabase): Promise<string[]> {
  const products = await database.app.query<{
    key: string;
    number: number;
    counts: Record<string, number>;
    first: number;
    last: number;
  }>({
    text: `select key, number, counts, extract(epoch from first_seen)::float8 * 1000 as first,
             extract(epoch from last_seen)::float8 * 1000 as last from stream.products`,
  });
  const users = await database.app.query<{
    key: string;
    events: string;
    items: Buffer;
    bought: Buffer;
  }>({
    text: "select key, events, items, bought from stream.users",
  });
  const ids = new Map(products.map(({ number, key }) => [number, uuidOfText(key)]));
  const idOf = (number: number) => ids.get(number) ?? `unknown product number ${number}`;
  return [
    ...products.map((row) => productLine(row.key, row)),
    ...users.map((row) =>
      userLine(row.key, {
        events: Number(row.events),
        interest: new Map(
          [...decodeInterest(row.items)].map(([number, weight]) => [idOf(number), weight]),
        ),
        bought: decodeNumbers(row.bought).map(idOf),
      }),
    ),
  ].sort();
}

/**
 * Points of the live collections that differ from the tables: missing, without a product or user, with other counts,
 * or with a vector that is not that of the product's text.
 */
export async function wrongPoints(database: TestDatabase): Promise<string[]> {
  const [model] = await database.app.query<{ id: string; file_id: string; file_bytes: number }>({
    text: "select id, file_id, file_bytes from vectors.models where state = 'live'",
  });
  if (model === undefined) return ["no model is live"];
  const stored = { fileId: model.file_id, bytes: model.file_bytes };
  const decoded = decodeLsaModel(await readModelFile(database.app, stored));
  const embedder = createLsaEmbedder(model.id, decoded.model);
  const rows = await database.app.query<{
    id: string;
    text: string;
    counts: unknown;
    stored_counts: unknown;
    vector: Buffer | null;
  }>({
    text: `select coalesce(s.point_id, p.id) as id, concat_ws('. ', s.name, s.description, s.category) as text, s.counts,
             p.payload -> 'counts' as stored_counts, p.vector
           from stream.products s full join (
             select p.* from vectors.points p join vectors.aliases a on a.collection_id = p.collection_id
             where a.alias = 'products' and p.deleted_at is null) p on p.id = s.point_id`,
  });
  const vectors = await embedder.embed(rows.map(({ text }) => text));
  const wrong = rows.flatMap((row, index) => {
    const expected = Buffer.from(new Uint8Array((vectors[index] as Float32Array).buffer));
    const isRight =
      row.vector !== null &&
      isNear(row.vector, expected) &&
      JSON.stringify(row.counts) === JSON.stringify(row.stored_counts);
    return isRight ? [] : [`product point ${row.id} (${row.text})`];
  });
  const [users] = await database.app.query<{ missing: number }>({
    text: `select count(*)::int as missing from stream.users s full join (
             select p.* from vectors.points p join vectors.aliases a on a.collection_id = p.collection_id
             where a.alias = 'users' and p.deleted_at is null) p on p.id = s.point_id
           where p.id is null or s.point_id is null or (p.payload ->> 'events')::bigint <> s.events`,
  });
  return users?.missing === 0 ? wrong : [...wrong, `${users?.missing} user points`];
}

function isNear(a: Buffer, b: Buffer): boolean {
  if (a.length !== b.length) return false;
  for (let at = 0; at < a.length; at += 4) {
    if (Math.abs(a.readFloatLE(at) - b.readFloatLE(at)) > 1e-5) return false;
  }
  return true;
}
