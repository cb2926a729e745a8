/** A rerun as the tasks of the Spark job execute it (jobs/spark/src/weir_spark/rerun.py), without Spark. */
import pg from "pg";
import type { CleanUp, TestDatabase } from "../../../../testing/database.ts";
import { withRole } from "../../../src/adapters/postgres/location.ts";

export interface RerunDay {
  readonly pass: number;
  readonly day: number;
  readonly hours: readonly number[];
}

export interface RerunJob {
  readonly id: string;
  readonly token: string;
  /** Empty: the rerun has ended. */
  work(): Promise<readonly RerunDay[]>;
  /** On a session of its own. @param most the task dies after so many hours */
  runDay(day: RerunDay, most?: number): Promise<void>;
}

export async function beginRerun(
  t: CleanUp,
  database: TestDatabase,
  id: string,
): Promise<RerunJob> {
  const driver = await openSession(t, database);
  const begun = await driver.query<{ token: string }>(
    "select engine.begin_rerun(engine.contract(), $1, 'test') as token",
    [id],
  );
  const token = begun.rows[0]?.token ?? "0";
  return {
    id,
    token,
    async work() {
      const { rows } = await driver.query<RerunDay>("select * from engine.rerun_work($1, $2)", [
        id,
        token,
      ]);
      return rows;
    },
    async runDay({ pass, hours }, most = hours.length) {
      const session = await openSession(t, database);
      for (const hour of hours.slice(0, most)) {
        const at = { id, token, pass, hour };
        do await stageHour(session, at);
        while (!(await applyHour(session, at)));
      }
      await session.end();
    },
  };
}

export interface RerunHour {
  readonly id: string;
  readonly token: string;
  readonly pass: number;
  readonly hour: number;
}

export async function openSession(t: CleanUp, { urls }: TestDatabase): Promise<pg.Client> {
  const session = new pg.Client({ connectionString: withRole(urls.owner, "weir_spark") });
  await session.connect();
  t.after(() => session.end());
  return session;
}

export async function stageHour(
  session: pg.Client,
  { id, token, pass, hour }: RerunHour,
): Promise<void> {
  await session.query("begin isolation level repeatable read");
  try {
    await session.query("select engine.stage_rerun($1, $2, $3, $4)", [id, token, pass, hour]);
    await session.query("commit");
  } catch (error) {
    await session.query("rollback");
    throw error;
  }
}

/** False: the hour must be staged again. */
export async function applyHour(
  session: pg.Client,
  { id, token, pass, hour }: RerunHour,
): Promise<boolean> {
  const { rows } = await session.query<{ applied: boolean }>(
    "select engine.apply_rerun($1, $2, $3, $4) as applied",
    [id, token, pass, hour],
  );
  return rows[0]?.applied === true;
}

/** All passes, with the days of each side by side. */
export async function runRerun(t: CleanUp, database: TestDatabase, id: string): Promise<void> {
  const job = await beginRerun(t, database, id);
  for (let days = await job.work(); days.length > 0; days = await job.work()) {
    await Promise.all(days.map((day) => job.runDay(day)));
  }
}
