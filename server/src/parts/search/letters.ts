/**
 * How much of a question's letters a text has: what words whole do not see (typing errors, plurals, Turkish
 * suffixes) and vectors of a few hundred dimensions see only roughly.
 */

/** Sequences of this many characters, within words and over their ends. */
const lengths = [3, 4, 5] as const;
/** A longer question is a document; its first words say enough. */
const mostSequences = 256;

/** A folded question's sequences of letters. */
export function lettersOf(folded: string): ReadonlySet<string> {
  const sequences = new Set<string>();
  for (const word of folded.split(" ")) {
    const padded = ` ${word} `;
    for (const length of lengths) {
      const last = Math.max(0, padded.length - length);
      for (let at = 0; at <= last; at++) {
        if (sequences.size >= mostSequences) return sequences;
        sequences.add(padded.slice(at, at + length));
      }
      // A word that is no longer than that has itself as its only sequence.
      if (last === 0) break;
    }
  }
  return sequences;
}

/**
 * 0 (nothing in common) to 2: the share of the question's sequences that a folded text has, and the cosine
 * of both as sets, which puts the shorter of two texts first that have the same share.
 */
export function likenessOfLetters(question: ReadonlySet<string>, folded: string): number {
  if (question.size === 0 || folded === "") return 0;
  const padded = ` ${folded} `;
  let found = 0;
  for (const sequence of question) if (padded.includes(sequence)) found++;
  // As many as begin at each character, without looking which of them repeat.
  const own = Math.max(found, lengths.length * folded.length);
  return found / question.size + found / Math.sqrt(question.size * own);
}
