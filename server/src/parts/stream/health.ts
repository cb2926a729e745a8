import type { Queryable } from "../../core/ports/database.ts";
import {
  type CheckResult,
  checkTimeoutMs,
  type HealthCheck,
} from "../../core/ports/health-check.ts";
import { withDeadline } from "../../timing/deadline.ts";

/** Age above which the points of products are reported as degraded. */
const lagLimitSeconds = 60;

const unknown: CheckResult = {
  status: "down",
  detail: "the state of the part stream cannot be read",
};

/** Whether a model is live and the pages of the raw log are processed in time. */
export function streamCheck(database: Queryable): HealthCheck {
  const check = async () => {
    try {
      return judge(await readState(database));
    } catch {
      return unknown;
    }
  };
  return () => withDeadline(check, { ms: checkTimeoutMs, late: unknown });
}

interface StreamState {
  readonly read_s: string;
  readonly model: string | null;
}

async function readState(database: Queryable): Promise<StreamState | undefined> {
  const [row] = await database.query<StreamState>(
    {
      name: "health_stream",
      text: `select round(extract(epoch from now() - least(c.read_at, (select min(read_at) from stream.pages))), 1)::text as read_s,
                    (select id from vectors.models where state = 'live') as model
             from etl.cursors c where c.reader = 'stream'`,
    },
    { timeoutMs: checkTimeoutMs },
  );
  return row;
}

function judge(state: StreamState | undefined): CheckResult {
  const facts = { read_s: Number(state?.read_s), model: state?.model ?? null };
  if (state === undefined || state.model === null) {
    return { status: "degraded", detail: "the part stream has not started yet", facts };
  }
  if (facts.read_s > lagLimitSeconds) {
    const seconds = Math.round(facts.read_s);
    return {
      status: "degraded",
      detail: `products are ${seconds} s behind the raw log`,
      facts,
    };
  }
  return { status: "ok", facts };
}
