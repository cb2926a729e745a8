import { schema } from "@weir/protocol";
import type { AnswerCache, Answered, CacheState } from "./answer-cache.ts";

export const cacheHeaders = {
  "X-Cache": schema.oneOf(["hit", "miss", "bypass"], {
    description:
      "Only with a cache (`cache.driver`): whether this answer was computed for another request.",
  }),
};

/** `Cache-Control: no-cache`: computed for this request alone. */
export function asksForFresh(header: string | readonly string[] | undefined): boolean {
  return /\bno-(cache|store)\b/i.test(String(header ?? ""));
}

interface Asked<T> {
  readonly question: readonly unknown[];
  readonly isFresh: boolean;
  readonly signal: AbortSignal;
  readonly compute: (signal: AbortSignal) => Promise<T>;
}

export async function cached<T extends object>(
  cache: AnswerCache | undefined,
  { isFresh, ...asked }: Asked<T>,
): Promise<{ readonly answer: T; readonly state: CacheState | undefined } | Answered<T>> {
  if (cache !== undefined && !isFresh) return cache.answer(asked);
  const answer = await asked.compute(asked.signal);
  return { answer, state: cache === undefined ? undefined : "bypass" };
}
