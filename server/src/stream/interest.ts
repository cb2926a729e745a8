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

/**
 * The weighted mean of the products' vectors, as a unit vector; undefined when none of them has one.
 * @param vectorOf the unit vector of a product, all of one dimension.
 */
export function interestVector(
  interest: Interest,
  vectorOf: (pointId: string) => Float32Array | undefined,
): Float32Array | undefined {
  const top = Math.max(...interest.values());
  let sum: Float64Array | undefined;
  for (const [id, weight] of interest) {
    const vector = vectorOf(id);
    if (vector === undefined) continue;
    sum ??= new Float64Array(vector.length);
    const share = 2 ** (weight - top);
    for (let i = 0; i < vector.length; i++) {
      sum[i] = (sum[i] as number) + share * (vector[i] as number);
    }
  }
  if (sum === undefined) return undefined;
  const length = Math.hypot(...sum);
  return length === 0 ? undefined : Float32Array.from(sum, (value) => value / length);
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
