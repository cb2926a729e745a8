/** Products by the words themselves, for the hybrid search. */
import type { SearchFilter } from "@weir/protocol";
import type { Queryable } from "../core/database.ts";

/** More words than that are a document and not a question. */
const mostWords = 32;

/**
 * Point ids, best first. Words match whole, the last one also as a beginning, as people search while
 * they type; any may match, and more of them rank higher.
 * @param folded the question, folded as the products' names are.
 */
export async function lexicalRanks(
  database: Queryable,
  question: {
    readonly folded: string;
    readonly filter: SearchFilter | undefined;
    readonly limit: number;
  },
  signal: AbortSignal,
): Promise<string[]> {
  const words = (question.folded.match(/[\p{L}\p{N}]+/gu) ?? []).slice(0, mostWords);
  if (words.length === 0) return [];
  const { filter } = question;
  const rows = await database.query<{ point_id: string }>(
    {
      name: "search_lexical",
      text: `select point_id from stream.products, to_tsquery('simple', $1) q
             where words @@ q
               and ($2::text[] is null or category = any($2)) and ($3::text is null or currency = $3)
               and ($4::numeric is null or price >= $4) and ($5::numeric is null or price <= $5)
             order by ts_rank_cd(words, q, 1) desc, point_id limit $6`,
      values: [
        words.map((word, index) => (index === words.length - 1 ? `${word}:*` : word)).join(" | "),
        filter?.category ?? null,
        filter?.currency?.toUpperCase() ?? null,
        filter?.price?.gte ?? null,
        filter?.price?.lte ?? null,
        question.limit,
      ],
    },
    { signal },
  );
  return rows.map((row) => row.point_id);
}

/** As in Cormack, Clarke and Büttcher, "Reciprocal rank fusion" (2009). */
const rankConstant = 60;

/** Reciprocal rank fusion of lists of ids, best first. */
export function fuseRanks(...lists: readonly (readonly string[])[]): string[] {
  const scores = new Map<string, number>();
  for (const list of lists) {
    for (const [rank, id] of list.entries()) {
      scores.set(id, (scores.get(id) ?? 0) + 1 / (rankConstant + rank + 1));
    }
  }
  return [...scores].sort((a, b) => b[1] - a[1]).map(([id]) => id);
}
