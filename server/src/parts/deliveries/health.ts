import type { Queryable } from "../../core/ports/database.ts";
import {
  type CheckResult,
  checkTimeoutMs,
  type HealthCheck,
} from "../../core/ports/health-check.ts";
import { withDeadline } from "../../timing/deadline.ts";
import { readFigures } from "./metrics.ts";

const unknown: CheckResult = {
  status: "degraded",
  detail: "the state of the deliveries cannot be read",
};

/** Receivers that fail make nothing else unwell: never `down`. */
export function deliveriesCheck(database: Queryable): HealthCheck {
  const check = async (): Promise<CheckResult> => {
    try {
      const { troubled, oldest_seconds: oldest, ...facts } = await readFigures(database);
      const shown = { ...facts, oldest_pending_s: Math.round(oldest), troubled };
      if (troubled.length === 0) return { status: "ok", facts: shown };
      const detail = `subscriptions that were paused, disabled or fail: ${troubled.join(", ")}; see weir subscriptions list`;
      return { status: "degraded", detail, facts: shown };
    } catch {
      return unknown;
    }
  };
  return () => withDeadline(check, { ms: checkTimeoutMs, late: unknown });
}
