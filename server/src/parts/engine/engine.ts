/** Which engine folds the windows, and what the Spark job says about itself. */
import type { Database, Queryable } from "../../core/ports/database.ts";

export const engines = ["builtin", "spark"] as const;
export type EngineName = (typeof engines)[number];

/** The last report of a run of the Spark job; all members may be missing (docs/spark-contract.md). */
export type SparkReport = Readonly<Record<string, string | number | boolean | null>>;

export interface SparkRun {
  readonly epoch: number;
  readonly owner: string;
  readonly beganAt: Date;
  /** Events that it has folded. */
  readonly events: number;
  readonly batches: number;
  readonly batchId: number | null;
  readonly report: SparkReport;
  /** Null before the first report. */
  readonly reportedAt: Date | null;
  readonly reportAgeSeconds: number | null;
}

export interface EngineState {
  readonly engine: EngineName;
  readonly changedAt: Date;
  readonly changedBy: string | null;
  /** Whether the Spark job is to run. */
  readonly jobWanted: boolean;
  /** Events that Spark has folded beyond the position of the windows. */
  readonly foldedBeyond: number;
  /** The process that supervises the job, while there is one. */
  readonly supervisor: string | null;
  /** The newest run. */
  readonly run: SparkRun | undefined;
}

interface StateRow {
  readonly engine: EngineName;
  readonly changed_at: Date;
  readonly changed_by: string | null;
  readonly job_wanted: boolean;
  readonly folded_beyond: string;
  readonly supervisor: string | null;
  readonly epoch: string | null;
  readonly owner: string;
  readonly began_at: Date;
  readonly events: string;
  readonly batches: string;
  readonly batch_id: string | null;
  readonly report: SparkReport | null;
  readonly reported_at: Date | null;
  readonly report_age: number | null;
}

export async function readEngine(database: Queryable, timeoutMs = 10_000): Promise<EngineState> {
  const [row] = await database.query<StateRow>(
    {
      name: "engine_state",
      text: `select s.engine, s.changed_at, s.changed_by, s.job_wanted,
               case when s.supervised_at between clock_timestamp() - interval '15 seconds'
                 and clock_timestamp() + interval '15 seconds' then s.supervisor end as supervisor,
               (select count(*) from (select from engine.folded limit 1000000) f) as folded_beyond,
               r.epoch, r.owner, r.began_at, r.events, r.batches, r.batch_id, r.report, r.reported_at,
               abs(extract(epoch from clock_timestamp() - coalesce(r.reported_at, r.began_at)))::float8 as report_age
             from engine.state s
             left join lateral (select * from engine.runs order by epoch desc limit 1) r on true`,
    },
    { timeoutMs },
  );
  if (row === undefined) throw new Error("engine.state has no row.");
  return {
    engine: row.engine,
    changedAt: row.changed_at,
    changedBy: row.changed_by,
    jobWanted: row.job_wanted,
    foldedBeyond: Number(row.folded_beyond),
    supervisor: row.supervisor,
    run: row.epoch === null ? undefined : runOf(row, Number(row.epoch)),
  };
}

function runOf(row: StateRow, epoch: number): SparkRun {
  return {
    epoch,
    owner: row.owner,
    beganAt: row.began_at,
    events: Number(row.events),
    batches: Number(row.batches),
    batchId: row.batch_id === null ? null : Number(row.batch_id),
    report: row.report ?? {},
    reportedAt: row.reported_at,
    reportAgeSeconds: row.report_age,
  };
}

/** The longest batch of either engine, for which a hand-over waits. */
const handOverMs = 150_000;

/**
 * Makes an engine fold the windows from now on, and writes it to the audit log; false when it does already. Safe at
 * any moment, also when the other engine is dead: an engine folds exactly what neither has folded.
 */
export async function useEngine(
  database: Database,
  { engine, actor }: { readonly engine: EngineName; readonly actor: string },
): Promise<boolean> {
  return database.transaction(
    async (connection) => {
      const [row] = await connection.query<{ changed: boolean }>(
        { text: "select engine.use($1, $2) as changed", values: [engine, actor] },
        { timeoutMs: handOverMs },
      );
      if (row?.changed !== true) return false;
      await audit(connection, { actor, action: "engine.use", subject: engine });
      return true;
    },
    { timeoutMs: handOverMs },
  );
}

/** Starts or stops the Spark job, wherever the process runs that supervises it; false when nothing changes. */
export async function wantJob(
  database: Database,
  { wanted, actor }: { readonly wanted: boolean; readonly actor: string },
): Promise<boolean> {
  return database.transaction(async (connection) => {
    const changed = await connection.query({
      text: "update engine.state set job_wanted = $1 where job_wanted <> $1 returning engine",
      values: [wanted],
    });
    if (changed.length === 0) return false;
    await connection.query({ text: "select pg_notify('weir_engine', '')" });
    const action = wanted ? "engine.start" : "engine.stop";
    await audit(connection, { actor, action, subject: "spark" });
    return true;
  });
}

/** Applies the setting `engine.windows`, if it has changed since it was applied last; returns the engine in charge. */
export async function configureEngine(
  database: Queryable,
  setting: EngineName,
): Promise<EngineName> {
  const [row] = await database.query<{ engine: EngineName }>(
    { text: "select engine.configure($1) as engine", values: [setting] },
    { timeoutMs: handOverMs },
  );
  return row?.engine ?? "builtin";
}

/** Deletes what tasks of the Spark job staged and no driver folded. */
export async function sweepStaged(database: Queryable): Promise<void> {
  await database.query({ text: "select engine.sweep()" });
}

async function audit(
  connection: Queryable,
  entry: { readonly actor: string; readonly action: string; readonly subject: string },
): Promise<void> {
  await connection.query({
    text: "insert into auth.audit_log (actor, action, subject) values ($1, $2, $3)",
    values: [entry.actor, entry.action, entry.subject],
  });
}
