/** Products by whole words and by character n-grams, for the hybrid search. */
import type { SearchFilter } from "@weir/protocol";
import type { Queryable } from "../../core/ports/database.ts";
import { ngramSimilarity, ngramsOf } from "./ngrams.ts";

/** A query with more words is a document. */
const mostWords = 32;
/** Candidates per word; when more products contain it, the other words must decide. */
const mostPerWord = 50;
/** Characters of a name and category that are compared: a longer text is searched by its beginning. */
const mostCharacters = 300;
/** A text with less in common with the query has no lexical rank. */
const leastSimilarity = 0.3;

/**
 * Point ids, the most similar text first. Candidates are the products that the search by vectors has found, those
 * that contain all words of the query, and some that contain one of them. The last word also matches as a prefix,
 * because people search while they type.
 *
 * Products with frequent words are not ranked in the database: that would read every one of them.
 * @param question.folded as the products' names are folded
 * @param question.near point ids that pass the filter
 * @param question.limit of the products that contain all the words
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
             from unnest($2::text[], $3::int[]) as query (words, most) cross join lateral (
               select point_id, left(folded, $8) as folded from stream.products
               where words @@ to_tsquery('simple', query.words)
                 and ($4::text[] is null or category = any($4)) and ($5::text is null or currency = $5)
                 and ($6::numeric is null or price >= $6) and ($7::numeric is null or price <= $7)
               limit query.most
             ) as found`,
      values: [
        question.near,
        [all, ...words],
        [question.limit, ...words.map(() => mostPerWord)],
        filter?.category ?? null,
        filter?.currency?.toUpperCase() ?? null,
        filter?.price?.gte ?? null,
        filter?.price?.lte ?? null,
        mostCharacters,
      ],
    },
    { signal },
  );
  return rankByNgrams(
    question.folded,
    rows.map(({ point_id, folded }) => ({ id: point_id, folded })),
  );
}

/** Ids of the texts that are similar to a folded query, best first. */
export function rankByNgrams(
  query: string,
  texts: readonly { readonly id: string; readonly folded: string }[],
): string[] {
  const ngrams = ngramsOf(query);
  return texts
    .map(({ id, folded }) => ({ id, similarity: ngramSimilarity(ngrams, folded) }))
    .filter(({ similarity }) => similarity >= leastSimilarity)
    .sort((a, b) => b.similarity - a.similarity || (a.id < b.id ? -1 : 1))
    .map(({ id }) => id);
}

/**
 * Reciprocal rank fusion (Cormack, Clarke and Büttcher, 2009) of ids, best first. The constant is smaller than
 * their 60, and the lexical rank counts twice: a text that contains the query literally is seldom wrong, and with
 * their constant the first ranks would hardly differ from the tenth (`bench/quality/embedder.ts`).
 */
const rankConstant = 5;
const lexicalWeight = 2;

export function fuseRanks(byVector: readonly string[], byText: readonly string[]): string[] {
  const scores = new Map<string, number>();
  for (const [list, weight] of [
    [byVector, 1],
    [byText, lexicalWeight],
  ] as const) {
    for (const [rank, id] of list.entries()) {
      scores.set(id, (scores.get(id) ?? 0) + weight / (rankConstant + rank + 1));
    }
  }
  return [...scores].sort((a, b) => b[1] - a[1]).map(([id]) => id);
}
