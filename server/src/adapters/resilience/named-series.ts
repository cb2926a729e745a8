/**
 * Decides which names get a time series of their own, so that a metric's labels stay bounded: the first `limit`
 * names, each for as long as it exists. Call it with the names that exist at each collection.
 */
export function createNamedSeries(
  limit: number,
): (names: readonly string[]) => ReadonlySet<string> {
  let chosen: ReadonlySet<string> = new Set();
  return (names) => {
    const existing = new Set(names);
    const next = new Set([...chosen].filter((name) => existing.has(name)));
    for (const name of names) {
      if (next.size >= limit) break;
      next.add(name);
    }
    chosen = next;
    return chosen;
  };
}
