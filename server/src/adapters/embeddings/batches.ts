/** Runs of items with at most `count` of them and at most `size` together; what is larger goes alone. */
export function* inBatches<T>(
  items: Iterable<T>,
  limits: { readonly count: number; readonly size: number; readonly sizeOf: (item: T) => number },
): Generator<T[]> {
  let batch: T[] = [];
  let size = 0;
  for (const item of items) {
    const own = limits.sizeOf(item);
    if (batch.length > 0 && (batch.length >= limits.count || size + own > limits.size)) {
      yield batch;
      batch = [];
      size = 0;
    }
    batch.push(item);
    size += own;
  }
  if (batch.length > 0) yield batch;
}
