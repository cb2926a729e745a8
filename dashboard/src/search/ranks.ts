import type { FoundProduct } from "@weir/protocol";

/** The rank of each product in a list, from 1. */
export function ranksOf(results: readonly FoundProduct[]): ReadonlyMap<string, number> {
  return new Map(results.map(({ product_id }, index) => [product_id, index + 1]));
}

/** How many products two lists share. */
export function sharedOf(one: readonly FoundProduct[], other: readonly FoundProduct[]): number {
  const there = ranksOf(other);
  return one.filter(({ product_id }) => there.has(product_id)).length;
}

/** The categories of the results, each once and sorted, to suggest for the filter. */
export function categoriesOf(lists: readonly (readonly FoundProduct[])[]): string[] {
  const names = lists.flat().flatMap(({ category }) => category ?? []);
  return [...new Set(names)].sort((a, b) => a.localeCompare(b));
}

/** The most frequent event types of a product. */
export function busiestCounts(
  counts: FoundProduct["counts"],
  most: number,
): (readonly [type: string, count: number])[] {
  return Object.entries(counts)
    .filter(([, count]) => count > 0)
    .sort(([a, m], [b, n]) => n - m || (a < b ? -1 : 1))
    .slice(0, most);
}
