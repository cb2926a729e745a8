/**
 * For how long values have not changed, measured by the observer's monotonic clock. Whether the author of a value is
 * alive must not depend on the clock that dates the value: after a step back it would look alive for days.
 */
export class Stillness {
  readonly #monotonic: () => number;
  #seen = new Map<string, { readonly value: string; readonly since: number }>();

  /** @param monotonic milliseconds, as `performance.now()` */
  constructor(monotonic: () => number) {
    this.#monotonic = monotonic;
  }

  /** Milliseconds since `value` was first observed under this name; 0 for a new one. */
  of(name: string, value: string): number {
    const now = this.#monotonic();
    const seen = this.#seen.get(name);
    if (seen !== undefined && seen.value === value) return now - seen.since;
    this.#seen.set(name, { value, since: now });
    return 0;
  }

  /** Forgets every other name. */
  keep(names: readonly string[]): void {
    const kept = new Set(names);
    this.#seen = new Map([...this.#seen].filter(([name]) => kept.has(name)));
  }
}
