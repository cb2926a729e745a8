/**
 * Fuzzy matching by character n-grams. Finds what whole words miss (typing errors, plurals, Turkish
 * suffixes) and what vectors of a few hundred dimensions see only roughly.
 */

/** N-grams of these lengths, within words and over their ends. */
const lengths = [3, 4, 5] as const;
/** A longer query is a document; its first words are enough. */
const mostNgrams = 256;

/** The n-grams of a folded query. */
export function ngramsOf(folded: string): ReadonlySet<string> {
  const ngrams = new Set<string>();
  for (const word of folded.split(" ")) {
    const padded = ` ${word} `;
    for (const length of lengths) {
      const last = Math.max(0, padded.length - length);
      for (let at = 0; at <= last; at++) {
        if (ngrams.size >= mostNgrams) return ngrams;
        ngrams.add(padded.slice(at, at + length));
      }
      // A word that is no longer than that is its own and only n-gram.
      if (last === 0) break;
    }
  }
  return ngrams;
}

/**
 * 0 (nothing in common) to 2: the share of the query's n-grams that a folded text contains, plus the cosine
 * of both as sets, which ranks the shorter of two texts with the same share first.
 */
export function ngramSimilarity(query: ReadonlySet<string>, folded: string): number {
  if (query.size === 0 || folded === "") return 0;
  const padded = ` ${folded} `;
  let found = 0;
  for (const ngram of query) if (padded.includes(ngram)) found++;
  // As many as begin at each character, whether or not they repeat.
  const own = Math.max(found, lengths.length * folded.length);
  return found / query.size + found / Math.sqrt(query.size * own);
}
