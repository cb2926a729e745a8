/** Lag: how far a log reader is behind, from what it has yet to finish and never from clocks. */
import type { Queryable } from "../../core/ports/database.ts";
import type { Lag, ReadLag } from "../../core/ports/log.ts";

/** More are not counted: it takes about 0.1 s. */
export const lagCountsAtMost = 100_000;

interface LagRow {
  readonly events: string | null;
  readonly more: boolean;
  readonly age_seconds: number;
}

/** As of the connection's snapshot; undefined when no reader has that name. */
export async function readLag(
  database: Queryable,
  reader: string,
  options: NonNullable<Parameters<ReadLag>[2]> = {},
): Promise<Lag | undefined> {
  const [row] = await database.query<LagRow>(
    {
      name: "log_lag",
      text: "select events, more, age_seconds from log.lag($1, $2)",
      values: [reader, options.atMost ?? lagCountsAtMost],
    },
    options,
  );
  if (row === undefined || row.events === null) return undefined;
  return { events: Number(row.events), more: row.more, seconds: row.age_seconds };
}
