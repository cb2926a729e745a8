import type { Queryable } from "../../core/ports/database.ts";
import {
  type CheckResult,
  checkTimeoutMs,
  type HealthCheck,
} from "../../core/ports/health-check.ts";
import type { Lag, ReadLag } from "../../core/ports/log.ts";
import { withDeadline } from "../../timing/deadline.ts";

/** Ages above which the windows are reported as degraded. */
const lagLimitSeconds = 60;
const heartbeatLimitSeconds = 10;
/** The age of the oldest unread event is what counts here. */
const countedAtMost = 10_000;

const unknown: CheckResult = { status: "down", detail: "the state of the windows cannot be read" };

/** Whether an ETL worker is alive and the windows are up to date. */
export function etlCheck(database: Queryable, readLag: ReadLag): HealthCheck {
  const check = async () => {
    try {
      return judge(
        await readHeartbeat(database),
        await readLag(database, "windows", { timeoutMs: checkTimeoutMs, atMost: countedAtMost }),
      );
    } catch {
      return unknown;
    }
  };
  return () => withDeadline(check, { ms: checkTimeoutMs, late: unknown });
}

/** Seconds since the last heartbeat of any worker; undefined when none has started yet. */
async function readHeartbeat(database: Queryable): Promise<number | undefined> {
  const [row] = await database.query<{ seconds: string }>(
    {
      name: "health_etl",
      text: `select round(abs(extract(epoch from clock_timestamp() - heartbeat_at)), 1)::text as seconds
             from etl.leases where reader = 'windows'`,
    },
    { timeoutMs: checkTimeoutMs },
  );
  return row && Number(row.seconds);
}

function judge(heartbeat: number | undefined, lag: Lag | undefined): CheckResult {
  if (heartbeat === undefined || lag === undefined) {
    return { status: "degraded", detail: "no ETL worker has started yet" };
  }
  const facts = {
    heartbeat_s: heartbeat,
    read_s: Math.round(lag.seconds * 10) / 10,
    unread_events: lag.events,
  };
  if (heartbeat > heartbeatLimitSeconds) {
    return {
      status: "degraded",
      detail: "no ETL worker is running; windows are not updated",
      facts,
    };
  }
  if (lag.seconds > lagLimitSeconds) {
    const seconds = Math.round(lag.seconds);
    return { status: "degraded", detail: `windows are ${seconds} s behind`, facts };
  }
  return { status: "ok", facts };
}
