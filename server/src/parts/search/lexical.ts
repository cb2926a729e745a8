/** Products by the words themselves, and by their letters, for the hybrid search. */
import type { SearchFilter } from "@weir/protocol";
import type { Queryable } from "../../core/ports/database.ts";
import { lettersOf, likenessOfLetters } from "./letters.ts";

/** More words than that are a document and not a question. */
const mostWords = 32;
/** Of the products that have one word; of a word that more have, the rest of the question has to tell. */
const mostOfAWord = 50;
/** Characters of a name and category that are compared: a longer text is searched by its beginning. */
const mostCharacters = 300;
/** What has less in common with a question than this says nothing about its rank. */
const leastLikeness = 0.3;

/**
 * Point ids, the nearest by letters first: of the products that a search by vectors has found, of those that
 * have all the words of the question, and of some that have one of them. The last word counts as a beginning
 * too, as people search while they type.
 *
 * Products with frequent words are not ranked in the database: that would read every one of them.
 * @param question.folded as the products' names are
 * @param question.near point ids that the filter lets through
 * @param question.limit of the products that have all the words
 */
export async function lexicalRanks(
  database: Queryable,
  question: {
    readonly folded: string;
    readonly near: readonly string[];
    readonly filter: SearchFilter | undefined;
    readonly limit: number;
  },
  signal: AbortSignal,
): Promise<string[]> {
  const words = [...new Set(question.folded.match(/[\p{L}\p{N}]+/gu))]
    .slice(0, mostWords)
    .map((word, index, all) => (index === all.length - 1 ? `${word}:*` : word));
  if (words.length === 0) return [];
  const { filter } = question;
  const all = words.join(" & ");
  const rows = await database.query<{ point_id: string; folded: string }>(
    {
      name: "search_lexical",
      text: `select point_id, left(folded, $8) as folded from stream.products
             where point_id = any($1::uuid[])
             union
             select found.point_id, found.folded
             from unnest($2::text[], $3::int[]) as asked (words, most) cross join lateral (
               select point_id, left(folded, $8) as folded from stream.products
               where words @@ to_tsquery('simple', asked.words)
                 and ($4::text[] is null or category = any($4)) and ($5::text is null or currency = $5)
                 and ($6::numeric is null or price >= $6) and ($7::numeric is null or price <= $7)
               limit asked.most
             ) as found`,
      values: [
        question.near,
        [all, ...words],
        [question.limit, ...words.map(() => mostOfAWord)],
        filter?.category ?? null,
        filter?.currency?.toUpperCase() ?? null,
        filter?.price?.gte ?? null,
        filter?.price?.lte ?? null,
        mostCharacters,
      ],
    },
    { signal },
  );
  return rankByLetters(
    question.folded,
    rows.map(({ point_id, folded }) => ({ id: point_id, folded })),
  );
}

/** Ids of the texts that are near a question by their letters, best first. */
export function rankByLetters(
  question: string,
  texts: readonly { readonly id: string; readonly folded: string }[],
): string[] {
  const letters = lettersOf(question);
  return texts
    .map(({ id, folded }) => ({ id, likeness: likenessOfLetters(letters, folded) }))
    .filter(({ likeness }) => likeness >= leastLikeness)
    .sort((a, b) => b.likeness - a.likeness || (a.id < b.id ? -1 : 1))
    .map(({ id }) => id);
}

/**
 * Reciprocal rank fusion (Cormack, Clarke and Büttcher, 2009) of ids, best first. The constant is smaller than
 * theirs of 60, and letters count twice: what has the very letters is seldom wrong, and with their constant the
 * first places would hardly differ from the tenth (`bench/quality/embedder.ts`).
 */
const rankConstant = 5;
const lettersCount = 2;

export function fuseRanks(byVector: readonly string[], byLetters: readonly string[]): string[] {
  const scores = new Map<string, number>();
  for (const [list, weight] of [
    [byVector, 1],
    [byLetters, lettersCount],
  ] as const) {
    for (const [rank, id] of list.entries()) {
      scores.set(id, (scores.get(id) ?? 0) + weight / (rankConstant + rank + 1));
    }
  }
  return [...scores].sort((a, b) => b[1] - a[1]).map(([id]) => id);
}
