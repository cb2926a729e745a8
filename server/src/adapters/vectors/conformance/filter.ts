/**
 * Part of the vector store's conformance suite: random products, every kind of condition, and a naive
 * oracle that says which of the products a filter means. What is peculiar in it is Qdrant's:
 * - a condition on an array holds when any element matches; so does `except`: any element not listed;
 * - `except` does not hold where there is no value; `must_not` with `match` does;
 * - null, a missing member and an empty array are all `is_empty`;
 * - numbers written as text, and text compared with numbers, match nothing.
 */
import { createHash } from "node:crypto";
import fc from "fast-check";
import type { Condition, Filter, Payload, Point } from "../../../core/ports/vector-store.ts";

export const dimension = 16;

export const productIndexes = {
  category: "keyword",
  tags: "keyword",
  price: "float",
  stock: "integer",
  active: "bool",
  seen: "datetime",
} as const;

const categories = ["Elektronik", "Ev & Yaşam", "giyim", "ÇOCUK", "ı-i", ""];
const labels = ["yeni", "indirim", "şık", "son ürün"];

/** The same for the same seed. Members are at times missing, null or empty. */
export function makeProducts(count: number, seed: number): Point[] {
  const random = randomFrom(seed);
  const pick = <T>(from: readonly T[]): T => from[Math.floor(random() * from.length)] as T;
  const sometimes = (name: string, value: unknown): Payload => {
    const chance = random();
    return chance < 0.1 ? {} : { [name]: chance < 0.2 ? null : value };
  };
  return Array.from({ length: count }, (_, index) => ({
    id: idOf(`${seed}/${index}`),
    vector: Float32Array.from({ length: dimension }, () => random() * 2 - 1),
    payload: {
      name: `ürün ${index}`,
      ...sometimes("category", pick(categories)),
      ...sometimes(
        "tags",
        labels.filter(() => random() < 0.4),
      ),
      ...sometimes("price", Math.round(random() * 4_000) / 4),
      ...sometimes("stock", Math.floor(random() * 20) - 5),
      ...sometimes(
        "sizes",
        [36, 38, 40, 42].filter(() => random() < 0.5),
      ),
      ...sometimes("active", random() < 0.5),
      ...sometimes("seen", instant(random(), pick(["Z", "+03:00", "-05:30"]))),
      ...sometimes("brand", {
        name: pick(["Arı", "Kuş"]),
        origin: { country: pick(["TR", "DE"]) },
      }),
    },
  }));
}

/** A UUID for any text. */
export function idOf(text: string): string {
  const hex = createHash("sha256").update(text).digest("hex");
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}

/** mulberry32 */
export function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}

const yearStart = Date.UTC(2026, 0, 1);
const yearMs = 365 * 86_400_000;

function instant(part: number, zone: string): string {
  const text = new Date(yearStart + Math.floor(part * yearMs)).toISOString();
  return zone === "Z" ? text : text.slice(0, 19) + zone;
}

/** Every kind of condition by its name; each selects some and not all of `makeProducts`. */
export function filterKinds(products: readonly Point[]): Readonly<Record<string, Filter>> {
  const some = products.filter((_, index) => index % 3 === 0).map((point) => point.id);
  const must = (...conditions: Condition[]): Filter => ({ must: conditions });
  const giyim = { key: "category", match: { value: "giyim" } };
  const cheap = { key: "price", range: { lt: 500 } };
  return {
    "a text": must(giyim),
    "a text in Turkish": must({ key: "category", match: { value: "Ev & Yaşam" } }),
    "an empty text": must({ key: "category", match: { value: "" } }),
    "an integer": must({ key: "stock", match: { value: 3 } }),
    "a number below zero": must({ key: "stock", match: { value: -2 } }),
    "a number with a fraction": must({
      key: "price",
      match: { value: fractionOf(products) },
    }),
    true: must({ key: "active", match: { value: true } }),
    false: must({ key: "active", match: { value: false } }),
    "an element of an array": must({ key: "tags", match: { value: "şık" } }),
    "any of some texts": must({ key: "category", match: { any: ["giyim", "ı-i", "nowhere"] } }),
    "any of some integers": must({ key: "stock", match: { any: [1, 2, 3, 99] } }),
    "any of texts, in an array": must({ key: "tags", match: { any: ["yeni", "indirim"] } }),
    "any of texts and numbers": {
      should: [{ key: "stock", match: { any: [4, "giyim", 5] } }],
    },
    "all but some texts": must({ key: "category", match: { except: ["giyim", "Elektronik"] } }),
    "all but some integers": must({ key: "stock", match: { except: [0, 1, 2, 3] } }),
    "all but some texts, in an array": must({ key: "tags", match: { except: ["yeni"] } }),
    "a half-open range": must({ key: "price", range: { gte: 100, lt: 600.25 } }),
    "the other half-open range": must({ key: "stock", range: { gt: 2, lte: 9 } }),
    "a range, in an array": must({ key: "sizes", range: { gte: 41 } }),
    "a range of time": must({
      key: "seen",
      range: { gte: "2026-03-01T00:00:00Z", lt: "2026-09-01T00:00:00+03:00" },
    }),
    "a member of an object": must({ key: "brand.name", match: { value: "Arı" } }),
    "a member deeper down": must({ key: "brand.origin.country", match: { value: "TR" } }),
    "nothing there": must({ is_empty: { key: "category" } }),
    "nothing in the array": must({ is_empty: { key: "tags" } }),
    "nothing in the object": must({ is_empty: { key: "brand.origin" } }),
    "one of the ids": must({ has_id: some }),
    "must and must": must(giyim, cheap),
    should: { should: [giyim, { key: "stock", match: { value: 3 } }] },
    must_not: { must_not: [giyim] },
    "must_not of what is not there": { must_not: [{ is_empty: { key: "price" } }] },
    "must, should and must_not": {
      must: [cheap],
      should: [giyim, { key: "active", match: { value: true } }],
      must_not: [{ key: "tags", match: { value: "yeni" } }],
    },
    "a filter in a filter": must({ should: [must(giyim, cheap), { must_not: [cheap] }] }),
  };
}

function fractionOf(products: readonly Point[]): number {
  const prices = products.map((point) => point.payload["price"]);
  return prices.find((price) => typeof price === "number" && price % 1 !== 0) as number;
}

/** Filters of up to three levels over the members of `makeProducts`. */
export function anyFilter(products: readonly Point[]): fc.Arbitrary<Filter> {
  const text = fc.constantFrom(...categories, "nowhere");
  const small = fc.integer({ min: -6, max: 16 });
  const bounds = (value: fc.Arbitrary<number | string>) =>
    fc
      .record({ gt: value, gte: value, lt: value, lte: value }, { requiredKeys: [] })
      .filter((range) => Object.keys(range).length > 0) as fc.Arbitrary<Record<string, never>>;
  const time = fc
    .tuple(fc.double({ min: 0, max: 1, noNaN: true }), fc.constantFrom("Z", "+03:00"))
    .map(([part, zone]) => instant(part, zone));
  const leaf: fc.Arbitrary<Condition> = fc.oneof(
    fc.record({ key: fc.constant("category"), match: fc.record({ value: text }) }),
    fc.record({ key: fc.constant("category"), match: fc.record({ any: fc.array(text) }) }),
    fc.record({ key: fc.constant("category"), match: fc.record({ except: fc.array(text) }) }),
    fc.record({
      key: fc.constant("tags"),
      match: fc.record({ any: fc.array(fc.constantFrom(...labels)) }),
    }),
    fc.record({ key: fc.constant("stock"), match: fc.record({ value: small }) }),
    fc.record({ key: fc.constant("stock"), match: fc.record({ any: fc.array(small) }) }),
    fc.record({ key: fc.constant("active"), match: fc.record({ value: fc.boolean() }) }),
    fc.record({ key: fc.constant("price"), range: bounds(fc.integer({ min: 0, max: 1_000 })) }),
    fc.record({ key: fc.constant("sizes"), range: bounds(fc.integer({ min: 35, max: 43 })) }),
    fc.record({ key: fc.constant("seen"), range: bounds(time) }),
    fc.record({
      is_empty: fc.record({ key: fc.constantFrom("category", "tags", "brand.name", "nowhere") }),
    }),
    fc.record({
      has_id: fc.subarray(products.slice(0, 40).map((point) => point.id)),
    }),
  );
  const { filter } = fc.letrec<{ filter: Filter; condition: Condition }>((tie) => ({
    condition: fc.oneof({ maxDepth: 2 }, leaf, tie("filter")),
    filter: fc.record(
      {
        must: fc.array(tie("condition"), { maxLength: 3 }),
        should: fc.array(tie("condition"), { maxLength: 3 }),
        must_not: fc.array(tie("condition"), { maxLength: 2 }),
      },
      { requiredKeys: [] },
    ),
  }));
  return filter;
}

/** The oracle. */
export function holds(filter: Filter, point: Point): boolean {
  const { must = [], should = [], must_not = [] } = filter;
  const isTrue = (condition: Condition): boolean => conditionHolds(condition, point);
  return (
    must.every(isTrue) && !must_not.some(isTrue) && (should.length === 0 || should.some(isTrue))
  );
}

function conditionHolds(condition: Condition, point: Point): boolean {
  if ("has_id" in condition) return condition.has_id.includes(point.id);
  if ("is_empty" in condition) return valuesAt(point, condition.is_empty.key).length === 0;
  if (!("key" in condition)) return holds(condition, point);
  const values = valuesAt(point, condition.key);
  if ("range" in condition) return values.some((value) => isWithin(value, condition.range));
  const { match } = condition;
  if ("value" in match) return values.includes(match.value);
  if ("any" in match) return match.any.some((wanted) => values.includes(wanted));
  return values.some((value) => !match.except.includes(value as string));
}

function valuesAt(point: Point, key: string): unknown[] {
  let at: unknown = point.payload;
  for (const name of key.split("."))
    at = (at as Record<string, unknown> | null | undefined)?.[name];
  return (Array.isArray(at) ? at : [at]).filter((value) => value !== null && value !== undefined);
}

function isWithin(value: unknown, range: Record<string, number | string | undefined>): boolean {
  const bounds = Object.entries(range).filter((entry) => entry[1] !== undefined);
  const isTime = typeof bounds[0]?.[1] === "string";
  if (typeof value !== (isTime ? "string" : "number")) return false;
  const number = (from: unknown): number => (isTime ? Date.parse(from as string) : Number(from));
  const it = number(value);
  return bounds.every(([name, bound]) => {
    const limit = number(bound);
    if (name === "gt") return it > limit;
    if (name === "gte") return it >= limit;
    return name === "lt" ? it < limit : it <= limit;
  });
}

/** Cosine similarity in double precision; 0 for a vector of zeros. */
export function cosine(a: Float32Array, b: Float32Array): number {
  let dot = 0;
  let lengths = 0;
  let other = 0;
  for (const [index, x] of a.entries()) {
    const y = b[index] as number;
    dot += x * y;
    lengths += x * x;
    other += y * y;
  }
  return lengths === 0 || other === 0 ? 0 : dot / Math.sqrt(lengths * other);
}
