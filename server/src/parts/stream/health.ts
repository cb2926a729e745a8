import type { Queryable } from "../../core/ports/database.ts";
import {
  type CheckResult,
  checkTimeoutMs,
  type HealthCheck,
} from "../../core/ports/health-check.ts";
import type { Lag, ReadLag } from "../../core/ports/log.ts";
import { withDeadline } from "../../timing/deadline.ts";

/** Age above which the points of products are reported as degraded. */
const lagLimitSeconds = 60;
/** The age of the oldest unread event is what counts here. */
const countedAtMost = 10_000;

const unknown: CheckResult = {
  status: "down",
  detail: "the state of the part stream cannot be read",
};

/** Whether a model is live and the pages of the raw log are processed in time. */
export function streamCheck(database: Queryable, readLag: ReadLag): HealthCheck {
  const check = async () => {
    try {
      return judge(
        await readLiveModel(database),
        await readLag(database, "stream", { timeoutMs: checkTimeoutMs, atMost: countedAtMost }),
      );
    } catch {
      return unknown;
    }
  };
  return () => withDeadline(check, { ms: checkTimeoutMs, late: unknown });
}

async function readLiveModel(database: Queryable): Promise<string | null> {
  const [row] = await database.query<{ id: string }>(
    { name: "health_stream", text: "select id from vectors.models where state = 'live'" },
    { timeoutMs: checkTimeoutMs },
  );
  return row?.id ?? null;
}

function judge(model: string | null, lag: Lag | undefined): CheckResult {
  if (lag === undefined || model === null) {
    return { status: "degraded", detail: "the part stream has not started yet", facts: { model } };
  }
  const facts = {
    read_s: Math.round(lag.seconds * 10) / 10,
    unread_events: lag.events,
    model,
  };
  if (lag.seconds > lagLimitSeconds) {
    const seconds = Math.round(lag.seconds);
    return { status: "degraded", detail: `products are ${seconds} s behind the raw log`, facts };
  }
  return { status: "ok", facts };
}
