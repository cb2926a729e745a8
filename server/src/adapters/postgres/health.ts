import type { Queryable } from "../../core/ports/database.ts";
import {
  type CheckResult,
  checkTimeoutMs,
  type HealthCheck,
} from "../../core/ports/health-check.ts";
import { withDeadline } from "../../timing/deadline.ts";

const unavailable: CheckResult = {
  status: "down",
  detail: "PostgreSQL does not answer; events are refused with 503",
};

/** Whether PostgreSQL answers, and how fast. */
export function databaseCheck(database: Queryable): HealthCheck {
  return () => withDeadline(() => ask(database), { ms: checkTimeoutMs, late: unavailable });
}

async function ask(database: Queryable): Promise<CheckResult> {
  const started = performance.now();
  try {
    const [row] = await database.query<{ version: string; recovery: boolean }>(
      {
        name: "health_postgres",
        text: "select current_setting('server_version') as version, pg_is_in_recovery() as recovery",
      },
      { timeoutMs: checkTimeoutMs },
    );
    const ms = Math.round((performance.now() - started) * 100) / 100;
    return { status: "ok", ms, facts: { version: row?.version, recovery: row?.recovery } };
  } catch {
    return unavailable;
  }
}
