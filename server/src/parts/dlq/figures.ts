import type { Queryable } from "../../core/ports/database.ts";
import type { DeadLetterState } from "./ports.ts";

export interface DeadLetterFigures {
  readonly groups: readonly {
    readonly part: string;
    readonly reason: string;
    readonly state: DeadLetterState;
    readonly letters: number;
  }[];
  readonly letters: Readonly<Record<DeadLetterState, number>>;
  /** As `dlq.max_mib` counts: the content of all, and 1 KiB for the rest of each. */
  readonly bytes: number;
  /** Age of the oldest open dead letter; null without one. */
  readonly oldestOpenSeconds: number | null;
}

/** Size of a dead letter beside its content: names, error, indexes. */
export const overheadBytes = 1_024;

/** Number of dead letters by part, reason and state, and their size. */
export async function readFigures(
  database: Queryable,
  options: { readonly timeoutMs?: number } = {},
): Promise<DeadLetterFigures> {
  const rows = await database.query<{
    part: string;
    reason: string;
    state: DeadLetterState;
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
      text: `select greatest(0, extract(epoch from clock_timestamp() - min(last_at)))::float8 as seconds
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

export type ReadFigures = () => Promise<DeadLetterFigures>;

/** Counting reads one index entry per dead letter, which is too much for every scrape. */
const figuresAgeMs = 10_000;

/** Figures that are at most ten seconds old. Concurrent callers share one query; a failure is not kept. */
export function createFiguresReader(database: Queryable, timeoutMs: number): ReadFigures {
  let kept: { readonly at: number; readonly figures: Promise<DeadLetterFigures> } | undefined;
  return () => {
    if (kept === undefined || performance.now() - kept.at > figuresAgeMs) {
      const read = { at: performance.now(), figures: readFigures(database, { timeoutMs }) };
      read.figures.catch(() => {
        if (kept === read) kept = undefined;
      });
      kept = read;
    }
    return kept.figures;
  };
}
