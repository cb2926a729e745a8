import type { Queryable } from "../../core/ports/database.ts";
import {
  type CheckResult,
  checkTimeoutMs,
  type HealthCheck,
} from "../../core/ports/health-check.ts";
import { withDeadline } from "../../timing/deadline.ts";

/** Ages above which the windows are reported as degraded. */
const lagLimitSeconds = 60;
const heartbeatLimitSeconds = 10;

const unknown: CheckResult = { status: "down", detail: "the state of the windows cannot be read" };

/** Whether an ETL worker is alive and the windows are up to date. */
export function etlCheck(database: Queryable): HealthCheck {
  const check = async () => {
    try {
      return judge(await readState(database));
    } catch {
      return unknown;
    }
  };
  return () => withDeadline(check, { ms: checkTimeoutMs, late: unknown });
}

interface EtlState {
  readonly heartbeat_s: string | null;
  readonly read_s: string;
}

async function readState(database: Queryable): Promise<EtlState | undefined> {
  const [row] = await database.query<EtlState>(
    {
      name: "health_etl",
      text: `select round(extract(epoch from now() - l.heartbeat_at), 1)::text as heartbeat_s,
                    round(extract(epoch from now() - c.read_at), 1)::text as read_s
             from etl.cursors c left join etl.leases l on l.reader = c.reader
             where c.reader = 'windows'`,
    },
    { timeoutMs: checkTimeoutMs },
  );
  return row;
}

function judge(state: EtlState | undefined): CheckResult {
  if (state === undefined || state.heartbeat_s === null) {
    return { status: "degraded", detail: "no ETL worker has started yet" };
  }
  const facts = { heartbeat_s: Number(state.heartbeat_s), read_s: Number(state.read_s) };
  if (facts.heartbeat_s > heartbeatLimitSeconds) {
    return {
      status: "degraded",
      detail: "no ETL worker is running; windows are not updated",
      facts,
    };
  }
  if (facts.read_s > lagLimitSeconds) {
    const seconds = Math.round(facts.read_s);
    return { status: "degraded", detail: `windows are ${seconds} s behind`, facts };
  }
  return { status: "ok", facts };
}
