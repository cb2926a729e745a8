import type { Queryable } from "../../core/ports/database.ts";
import type { LetterState } from "./ports.ts";

export interface LetterFigures {
  readonly groups: readonly {
    readonly part: string;
    readonly reason: string;
    readonly state: LetterState;
    readonly letters: number;
  }[];
  readonly letters: Readonly<Record<LetterState, number>>;
  /** As `dlq.max_mib` counts: the letters' bytes, and a KiB for the rest of each. */
  readonly bytes: number;
  /** Age of the open letter that waits longest; null without one. */
  readonly oldestOpenSeconds: number | null;
}

/** What a letter takes beside its bytes: names, error, indexes. */
export const overheadBytes = 1_024;

/** How many dead letters there are, of what kind, and how much room they take. */
export async function readFigures(
  database: Queryable,
  options: { readonly timeoutMs?: number } = {},
): Promise<LetterFigures> {
  const rows = await database.query<{
    part: string;
    reason: string;
    state: LetterState;
    letters: number;
    bytes: number;
  }>(
    {
      name: "dlq_figures",
      text: `select part, reason, state, count(*)::int as letters, sum(bytes)::float8 as bytes
             from dlq.letters group by part, reason, state`,
    },
    options,
  );
  const [oldest] = await database.query<{ seconds: number | null }>(
    {
      name: "dlq_oldest_open",
      text: `select extract(epoch from clock_timestamp() - min(last_at))::float8 as seconds
             from dlq.letters where state = 'open'`,
    },
    options,
  );
  const letters = { open: 0, replaying: 0, resolved: 0, discarded: 0 };
  let bytes = 0;
  for (const row of rows) {
    letters[row.state] += row.letters;
    bytes += row.bytes + row.letters * overheadBytes;
  }
  return {
    groups: rows.map(({ bytes: _, ...group }) => group),
    letters,
    bytes,
    oldestOpenSeconds: oldest?.seconds ?? null,
  };
}

export type ReadFigures = () => Promise<LetterFigures>;

/** Counting reads one index entry per dead letter, which is too much for every scrape. */
const figuresAgeMs = 10_000;

/** Figures of at most ten seconds ago. Concurrent callers share one query; a failure is not kept. */
export function createFiguresReader(database: Queryable, timeoutMs: number): ReadFigures {
  let kept: { readonly at: number; readonly figures: Promise<LetterFigures> } | undefined;
  return () => {
    if (kept === undefined || performance.now() - kept.at > figuresAgeMs) {
      const asked = { at: performance.now(), figures: readFigures(database, { timeoutMs }) };
      asked.figures.catch(() => {
        if (kept === asked) kept = undefined;
      });
      kept = asked;
    }
    return kept.figures;
  };
}
