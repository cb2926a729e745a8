/**
 * A small history with everything that makes counting hard: late events, equal instants, users who
 * stay over midnight, events without a user, several currencies, several products in one event.
 */

import type { TestDatabase } from "../../../testing/database.ts";
import { defaultEventTypeMapping, syncEventTypeMapping } from "../../src/parts/etl/event-types.ts";

export interface OracleEvent {
  readonly id: string;
  readonly at: number;
  readonly receivedAt: number;
  readonly service: string;
  readonly user: string | null;
  readonly type: string;
  /** Products of the event; more than one are stored as items. */
  readonly products: readonly { readonly id: string; readonly cents: number | null }[];
  readonly cents: number | null;
  readonly currency: string | null;
  readonly format: "native" | "segment" | "cloudevents";
  readonly payload: string;
}

export const services = ["web", "ios", "pos"] as const;
export const historyStart = Date.UTC(2026, 9, 24);
/** A clock change of New York (2026-11-01T06:00Z) and of Berlin (2026-10-25T01:00Z) are included. */
export const historyEnd = Date.UTC(2026, 10, 9);
export const now = Date.UTC(2026, 10, 9, 12, 0, 30);

const minute = 60_000;
const types = [
  ["product.view", 0.62],
  ["view_item", 0.7],
  ["add_to_cart", 0.82],
  ["purchase", 0.9],
  ["Order Completed", 0.93],
  ["refund", 0.95],
  ["signup", 1],
] as const;

/** The same seed gives the same events. */
export function makeHistory(count: number, seed = 7): OracleEvent[] {
  const random = randomOf(seed);
  const pick = <T>(values: readonly T[]): T => values[Math.floor(random() * values.length)] as T;
  const events: OracleEvent[] = [];
  while (events.length < count) {
    const user = random() < 0.08 ? null : `user-${Math.floor(random() ** 2 * 40)}`;
    let at = historyStart + random() * (historyEnd - historyStart);
    const length = 1 + Math.floor(random() * 9);
    for (let step = 0; step < length; step++) {
      // Half of them on whole minutes or half hours, where ranges and sessions end.
      const place = random();
      if (place < 0.3) at = Math.round(at / minute) * minute;
      else if (place < 0.4) at = Math.round(at / (30 * minute)) * 30 * minute;
      if (at >= historyEnd) break;
      events.push(makeEvent(Math.floor(at), user, { random, pick, number: events.length }));
      at += random() < 0.2 ? 30 * minute : random() ** 3 * 90 * minute;
    }
  }
  return events;
}

function makeEvent(
  at: number,
  user: string | null,
  {
    random,
    pick,
    number,
  }: { random: () => number; pick: <T>(of: readonly T[]) => T; number: number },
): OracleEvent {
  const kind = random();
  const type = types.find(([, upTo]) => kind < upTo)?.[0] ?? "signup";
  const many = type === "Order Completed";
  const money = type !== "signup" && random() < 0.95;
  const products = productsOf(type, many, { random, money });
  const cents = money ? products.reduce((sum, { cents }) => sum + (cents ?? 0), 0) : null;
  const currency = cents === null ? null : pick(["TRY", "TRY", "EUR", null]);
  const format = many ? "segment" : pick(["native", "native", "native", "cloudevents"] as const);
  const id = `${hex(random, 8)}-${hex(random, 4)}-4${hex(random, 3)}-8${hex(random, 3)}-${hex(random, 12)}`;
  const properties = {
    plan: pick(["free", "pro", "=cmd", null]),
    deep: { city: pick(["İstanbul", "Berlin"]) },
    number,
  };
  const payload =
    format === "cloudevents"
      ? JSON.stringify({ specversion: "1.0", id, type, data: { properties } }, null, 1)
      : `{ "event_type":${JSON.stringify(type)}, "properties":${JSON.stringify(properties)} }`;
  const receivedAt = at + (random() < 0.05 ? random() * 48 * 60 * minute : 200);
  return {
    id,
    at,
    receivedAt: Math.min(Math.floor(receivedAt), now - 1_000),
    service: pick(services),
    user,
    type,
    products,
    cents,
    currency,
    format,
    payload,
  };
}

function productsOf(
  type: string,
  many: boolean,
  { random, money }: { random: () => number; money: boolean },
): OracleEvent["products"] {
  if (type === "signup") return [];
  const number = many ? 2 + Math.floor(random() * 2) : 1;
  const first = Math.floor(random() ** 2 * 25);
  return Array.from({ length: number }, (_, index) => ({
    id: `product-${(first + index) % 30}`,
    cents: money ? 100 + Math.floor(random() * 50_000) : null,
  }));
}

/** Writes the raw events; with `fold` the ETL's steps compute the windows. */
export async function writeEvents(
  database: TestDatabase,
  events: readonly OracleEvent[],
): Promise<void> {
  const { owner } = database;
  await owner.query({
    text: `
      select raw.ensure_partition(day::date)
      from generate_series($1::date, $2::date, interval '1 day') day`,
    values: [new Date(historyStart), new Date(historyEnd + 2 * 86_400_000)],
  });
  await owner.query({
    text: "insert into auth.services (name, role) select unnest($1::text[]), 'producer' on conflict do nothing",
    values: [services],
  });
  const known = await owner.query<{ id: number; name: string }>({
    text: "select id, name from auth.services",
  });
  const ids = new Map(known.map(({ id, name }) => [name, id]));
  const formats = { native: 0, segment: 1, cloudevents: 2 };
  const column = <T>(read: (event: OracleEvent) => T) => events.map(read);
  await owner.query({
    text: `
      with written as (
        insert into raw.events (service_id, format, event_id, received_at, occurred_at, user_key,
          product_key, amount, currency, event_type, items, payload)
        select * from unnest($1::int[], $2::smallint[], $3::uuid[], $4::timestamptz[],
          $5::timestamptz[], $6::text[], $7::text[], $8::numeric[], $9::text[], $10::text[],
          $11::json[], $12::text[])
        returning event_id, service_id
      )
      insert into raw.identities select event_id, service_id, 0 from written`,
    values: [
      column(({ service }) => ids.get(service)),
      column(({ format }) => formats[format]),
      column(({ id }) => id),
      column(({ receivedAt }) => new Date(receivedAt).toISOString()),
      column(({ at }) => new Date(at).toISOString()),
      column(({ user }) => user),
      column(({ products }) => (products.length === 1 ? products[0]?.id : null)),
      column(({ cents }) => (cents === null ? null : decimal(cents))),
      column(({ currency }) => currency),
      column(({ type }) => type),
      column(({ products }) => (products.length > 1 ? itemsText(products) : null)),
      column(({ payload }) => payload),
    ],
  });
}

export async function foldEvents({ owner }: TestDatabase): Promise<void> {
  await syncEventTypeMapping(owner, defaultEventTypeMapping);
  for (;;) {
    const [step] = await owner.query<{ more: boolean }>({
      text: "select more from etl.step((select epoch from log.readers where name = 'windows'), 1000)",
    });
    if (step?.more !== true) return;
  }
}

/** Cents as the shortest exact decimal, e.g. 1250 -> "12.5". */
export function decimal(cents: number): string {
  return (cents / 100).toFixed(2).replace(/\.?0+$/, "");
}

function itemsText(products: OracleEvent["products"]): string {
  return `[${products
    .map(
      ({ id, cents }) =>
        `{"id":"${id}","quantity":1,"amount":${cents === null ? "null" : decimal(cents)}}`,
    )
    .join(",")}]`;
}

function hex(random: () => number, digits: number): string {
  return Math.floor(random() * 16 ** digits)
    .toString(16)
    .padStart(digits, "0");
}

/** mulberry32 */
export function randomOf(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}
