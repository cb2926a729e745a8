/** Times in buckets that grow by 5 %: percentiles of any number of them in a few kilobytes. */
const growth = Math.log(1.05);
const leastMs = 0.01;
const buckets = 400;

export class Latencies {
  readonly #counts = new Float64Array(buckets);
  #total = 0;

  add(ms: number, times = 1): void {
    const place = Math.ceil(Math.log(Math.max(ms, leastMs) / leastMs) / growth);
    const bucket = Math.min(place, buckets - 1);
    this.#counts[bucket] = (this.#counts[bucket] ?? 0) + times;
    this.#total += times;
  }

  /** In milliseconds, at most 5 % too high; undefined while there is none. */
  percentile(share: number): number | undefined {
    if (this.#total === 0) return undefined;
    let left = Math.ceil(this.#total * share);
    for (let bucket = 0; bucket < buckets; bucket++) {
      left -= this.#counts[bucket] ?? 0;
      if (left <= 0) return leastMs * Math.exp(bucket * growth);
    }
    return undefined;
  }
}
