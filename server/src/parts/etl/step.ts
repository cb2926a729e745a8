import type { Database } from "../../core/ports/database.ts";

/** The result of folding one batch by `etl.step`. */
export interface Step {
  readonly events: number;
  /** The limit was reached: more may wait. */
  readonly more: boolean;
  readonly milliseconds: number;
  /** Microseconds by name of stage; only the first when nothing was read. */
  readonly stages: ReadonlyMap<string, number>;
}

/** In the order in which `etl.step` returns them. */
export const stageNames = [
  "read",
  "names",
  "items",
  "labels",
  "facts",
  "counts",
  "users",
  "sessions",
  "products",
  "key_facts",
] as const;

export interface StepOptions {
  readonly epoch: number;
  readonly maxEvents: number;
}

/** Rejects with `DatabaseError` code WF001 when another worker has taken over. */
export async function runStep(database: Database, options: StepOptions): Promise<Step> {
  const started = performance.now();
  // one statement, one transaction: a worker that freezes here holds nothing
  const [row] = await database.query<{ events: number; more: boolean; stage_us: number[] }>(
    {
      name: "etl_step",
      text: "select events, more, stage_us from etl.step($1, $2)",
      values: [options.epoch, options.maxEvents],
    },
    { timeoutMs: 120_000 },
  );
  if (row === undefined) throw new Error("etl.step returned no row.");
  return {
    events: row.events,
    more: row.more,
    milliseconds: performance.now() - started,
    stages: new Map(row.stage_us.map((micros, n) => [stageNames[n] as string, micros])),
  };
}
