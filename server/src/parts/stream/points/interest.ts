/**
 * A user's interest: a decayed weight per product. A weight halves every half-life, so it is stored as of one
 * fixed instant, as its binary logarithm: events add up in any order, late ones included, and stored weights
 * never have to be updated as time passes. w(t) = sum of w_i * 2^((t_i - t) / half-life).
 */
export interface InterestSettings {
  readonly view: number;
  readonly cart: number;
  readonly purchase: number;
  readonly halfLifeMs: number;
}

const epoch = Date.UTC(2024, 0, 1);
/** The mean of more products is close to the mean of all. */
const mostItems = 32;
const mostBought = 512;
const numberBytes = 4;
const itemBytes = numberBytes + 8;

/** The logarithm of the weight that an event of `weight` at `at` (milliseconds) adds. */
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
 * A worker appends to a stored interest without reading it. One that has grown to more bytes than this is
 * rewritten with each product once.
 */
export const mostItemBytes = 48 * itemBytes;
export const mostBoughtBytes = (mostBought + 64) * numberBytes;

/** Each product once; of too many, those with the highest weights. */
export function compactInterest(items: Buffer): Buffer {
  const merged = decodeInterest(items);
  const kept =
    merged.size <= mostItems
      ? merged
      : new Map([...merged].sort((a, b) => b[1] - a[1]).slice(0, mostItems));
  return encodeInterest(kept, (number) => number);
}

/** Each product once, the newest last; of too many, the newest. */
export function compactBought(bought: Buffer): Buffer {
  return encodeNumbers(decodeNumbers(bought).slice(-mostBought));
}

/** Adds the numbers of an encoded interest's products to `found`. */
export function addProducts(items: Buffer, found: Set<number>): void {
  const view = viewOf(items);
  for (let at = 0; at < view.byteLength; at += itemBytes) found.add(view.getInt32(at));
}

/** Distinct products: an encoded interest may contain a product more than once. */
export function countProducts(items: Buffer): number {
  const found = new Set<number>();
  addProducts(items, found);
  return found.size;
}

/**
 * The weighted mean of the products' vectors, as a unit vector; undefined when none of them has one. Reads the
 * encoded form: thousands of users are read per second, and objects for each of their products would be garbage.
 * @param vectorOf the unit vector of a product by its number, all of one dimension.
 */
export function interestVector(
  items: Buffer,
  vectorOf: (product: number) => Float32Array | undefined,
): Float32Array | undefined {
  const view = viewOf(items);
  let top = Number.NEGATIVE_INFINITY;
  for (let at = numberBytes; at < view.byteLength; at += itemBytes) {
    top = Math.max(top, view.getFloat64(at));
  }
  let sum: Float64Array | undefined;
  for (let at = 0; at < view.byteLength; at += itemBytes) {
    const vector = vectorOf(view.getInt32(at));
    if (vector === undefined) continue;
    const share = 2 ** (view.getFloat64(at + numberBytes) - top);
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

/** Products with the binary logarithm of their weight as of `epoch`; encoded by `stream.products.number`. */
export function encodeInterest<Product>(
  interest: ReadonlyMap<Product, number>,
  numberOf: (product: Product) => number,
): Buffer {
  const bytes = Buffer.allocUnsafe(interest.size * itemBytes);
  const view = viewOf(bytes);
  let at = 0;
  for (const [product, weight] of interest) {
    view.setInt32(at, numberOf(product));
    view.setFloat64(at + numberBytes, weight);
    at += itemBytes;
  }
  return bytes;
}

/** Adds up the weights of a product that occurs more than once. */
export function decodeInterest(items: Buffer): Map<number, number> {
  const interest = new Map<number, number>();
  const view = viewOf(items);
  for (let at = 0; at < view.byteLength; at += itemBytes) {
    const number = view.getInt32(at);
    const weight = view.getFloat64(at + numberBytes);
    const before = interest.get(number);
    interest.set(number, before === undefined ? weight : addLogs(before, weight));
  }
  return interest;
}

export function encodeNumbers(numbers: readonly number[]): Buffer {
  const bytes = Buffer.allocUnsafe(numbers.length * numberBytes);
  numbers.forEach((number, n) => {
    bytes.writeInt32BE(number, n * numberBytes);
  });
  return bytes;
}

/** Each once, in the order of their last occurrence. */
export function decodeNumbers(bytes: Buffer): number[] {
  const numbers = new Set<number>();
  for (let at = 0; at < bytes.length; at += numberBytes) {
    const number = bytes.readInt32BE(at);
    numbers.delete(number);
    numbers.add(number);
  }
  return [...numbers];
}

/** A DataView is faster than the methods of a Buffer. */
function viewOf(bytes: Buffer): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
}
