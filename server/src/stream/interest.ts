/**
 * What a user took interest in: a decayed weight a product. A weight halves every half-life, so it is kept
 * as of one fixed instant and as its binary logarithm: events add up in any order, late ones included, and
 * nothing has to be decayed as time goes by. w(t) = sum of w_i * 2^((t_i - t) / half-life).
 */

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

/** Adds `more` to `kept`; the weightiest stay. */
export function mergeInterest(kept: Interest, more: Interest): Map<string, number> {
  const merged = new Map(kept);
  for (const [id, weight] of more) {
    const before = merged.get(id);
    merged.set(id, before === undefined ? weight : addLogs(before, weight));
  }
  if (merged.size <= mostItems) return merged;
  return new Map([...merged].sort((a, b) => b[1] - a[1]).slice(0, mostItems));
}

/** Newest last, each once, the oldest forgotten first. */
export function mergeBought(kept: readonly string[], more: readonly string[]): string[] {
  return [...new Set([...kept.filter((id) => !more.includes(id)), ...more])].slice(-mostBought);
}

/** The products of an encoded interest: their point ids without dashes, as 32 hexadecimal digits. */
export function* productsOf(items: Buffer): Generator<string> {
  for (let at = 0; at + itemBytes <= items.length; at += itemBytes) {
    yield items.toString("hex", at, at + idBytes);
  }
}

export function countProducts(items: Buffer): number {
  return items.length / itemBytes;
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
  const bytes = Buffer.alloc(interest.size * itemBytes);
  let at = 0;
  for (const [id, weight] of interest) {
    bytes.write(id.replaceAll("-", ""), at, "hex");
    bytes.writeDoubleLE(weight, at + idBytes);
    at += itemBytes;
  }
  return bytes;
}

export function decodeInterest(bytes: Buffer): Map<string, number> {
  const interest = new Map<string, number>();
  for (let at = 0; at + itemBytes <= bytes.length; at += itemBytes) {
    interest.set(uuidAt(bytes, at), bytes.readDoubleLE(at + idBytes));
  }
  return interest;
}

export function encodeIds(ids: readonly string[]): Buffer {
  return Buffer.from(ids.join("").replaceAll("-", ""), "hex");
}

export function decodeIds(bytes: Buffer): string[] {
  const ids: string[] = [];
  for (let at = 0; at + idBytes <= bytes.length; at += idBytes) ids.push(uuidAt(bytes, at));
  return ids;
}

function uuidAt(bytes: Buffer, at: number): string {
  const hex = bytes.toString("hex", at, at + idBytes);
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}
