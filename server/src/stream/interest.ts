/**
 * What a user took interest in: a decayed weight a product. A weight halves every half-life, so it is kept
 * as of one fixed instant and as its binary logarithm: events add up in any order, late ones included, and
 * nothing has to be decayed as time goes by. w(t) = sum of w_i * 2^((t_i - t) / half-life).
 */
import { writeUuid } from "../core/uuid.ts";

export interface InterestSettings {
  readonly view: number;
  readonly cart: number;
  readonly purchase: number;
  readonly halfLifeMs: number;
}

/** Point ids of products with the binary logarithm of their weight as of `epoch`. */
export type Interest = ReadonlyMap<string, number>;

const epoch = Date.UTC(2024, 0, 1);
/** A mean of more products is a mean of everything. */
const mostItems = 32;
const mostBought = 512;
const idBytes = 16;
const itemBytes = idBytes + 8;

/** The logarithm of what an event of `weight` at `at` (milliseconds) adds. */
export function logWeight(weight: number, at: number, halfLifeMs: number): number {
  return Math.log2(weight) + (at - epoch) / halfLifeMs;
}

/** log2(2^a + 2^b) without leaving the range of a double. */
export function addLogs(a: number, b: number): number {
  const high = Math.max(a, b);
  const low = Math.min(a, b);
  return low === Number.NEGATIVE_INFINITY ? high : high + Math.log2(1 + 2 ** (low - high));
}

/**
 * What a worker adds is appended, so that a taste need not be read to be added to; one that has grown to more
 * than this is written again, each product once.
 */
export const mostItemBytes = 48 * itemBytes;
export const mostBoughtBytes = (mostBought + 64) * idBytes;

/** Each product once; the weightiest stay. */
export function compactInterest(items: Buffer): Buffer {
  const merged = decodeInterest(items);
  if (merged.size <= mostItems) return encodeInterest(merged);
  return encodeInterest(new Map([...merged].sort((a, b) => b[1] - a[1]).slice(0, mostItems)));
}

/** Each product once, the newest last; the oldest are forgotten. */
export function compactBought(bought: Buffer): Buffer {
  return encodeIds(decodeIds(bought).slice(-mostBought));
}

/** The products of an encoded interest: their point ids without dashes, as 32 hexadecimal digits. */
export function* productsOf(items: Buffer): Generator<string> {
  for (let at = 0; at + itemBytes <= items.length; at += itemBytes) {
    yield items.toString("hex", at, at + idBytes);
  }
}

/** Different ones: an encoded interest may name a product more than once. */
export function countProducts(items: Buffer): number {
  return new Set(productsOf(items)).size;
}

/**
 * The weighted mean of the products' vectors, as a unit vector; undefined when none of them has one. Reads the
 * encoded form: thousands of users are read a second, and objects for each of their products would be garbage.
 * @param vectorOf the unit vector of a product by 32 hexadecimal digits, all of one dimension.
 */
export function interestVector(
  items: Buffer,
  vectorOf: (product: string) => Float32Array | undefined,
): Float32Array | undefined {
  let top = Number.NEGATIVE_INFINITY;
  for (let at = idBytes; at < items.length; at += itemBytes) {
    top = Math.max(top, items.readDoubleLE(at));
  }
  let sum: Float64Array | undefined;
  let at = idBytes;
  for (const product of productsOf(items)) {
    const share = 2 ** (items.readDoubleLE(at) - top);
    at += itemBytes;
    const vector = vectorOf(product);
    if (vector === undefined) continue;
    sum ??= new Float64Array(vector.length);
    for (let i = 0; i < vector.length; i++) {
      sum[i] = (sum[i] as number) + share * (vector[i] as number);
    }
  }
  if (sum === undefined) return undefined;
  let squares = 0;
  for (const value of sum) squares += value * value;
  if (squares === 0) return undefined;
  const unit = new Float32Array(sum.length);
  const scale = 1 / Math.sqrt(squares);
  for (let i = 0; i < sum.length; i++) unit[i] = (sum[i] as number) * scale;
  return unit;
}

export function encodeInterest(interest: Interest): Buffer {
  const bytes = Buffer.allocUnsafe(interest.size * itemBytes);
  let at = 0;
  for (const [id, weight] of interest) at = bytes.writeDoubleLE(weight, writeUuid(bytes, at, id));
  return bytes;
}

/** Adds up what is said of a product in several places. */
export function decodeInterest(bytes: Buffer): Map<string, number> {
  const interest = new Map<string, number>();
  for (let at = 0; at + itemBytes <= bytes.length; at += itemBytes) {
    const id = uuidAt(bytes, at);
    const before = interest.get(id);
    const weight = bytes.readDoubleLE(at + idBytes);
    interest.set(id, before === undefined ? weight : addLogs(before, weight));
  }
  return interest;
}

export function encodeIds(ids: Iterable<string>): Buffer {
  return Buffer.from([...ids].join("").replaceAll("-", ""), "hex");
}

/** Each once, in the order in which they were last named. */
export function decodeIds(bytes: Buffer): string[] {
  const ids = new Set<string>();
  for (let at = 0; at + idBytes <= bytes.length; at += idBytes) {
    const id = uuidAt(bytes, at);
    ids.delete(id);
    ids.add(id);
  }
  return [...ids];
}

function uuidAt(bytes: Buffer, at: number): string {
  const hex = bytes.toString("hex", at, at + idBytes);
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}
