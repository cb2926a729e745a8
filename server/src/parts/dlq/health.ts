import {
  type CheckResult,
  checkTimeoutMs,
  type HealthCheck,
} from "../../core/ports/health-check.ts";
import { withDeadline } from "../../timing/deadline.ts";
import type { ReadFigures } from "./figures.ts";
import { type RetentionSettings, sizeWarning } from "./retention.ts";

const unknown: CheckResult = { status: "degraded", detail: "dead letters cannot be counted" };

/** Dead letters do not make the system unhealthy; that some may be deleted unseen does. */
export function dlqCheck(figures: ReadFigures, settings: () => RetentionSettings): HealthCheck {
  const check = async (): Promise<CheckResult> => {
    try {
      const now = await figures();
      const facts = {
        ...now.letters,
        bytes: now.bytes,
        limit_bytes: settings().maxBytes,
        oldest_open_s: now.oldestOpenSeconds === null ? null : Math.round(now.oldestOpenSeconds),
      };
      const warning = sizeWarning(now, settings());
      if (warning === undefined) return { status: "ok", facts };
      return { status: "degraded", detail: warning, facts };
    } catch {
      return unknown;
    }
  };
  return () => withDeadline(check, { ms: checkTimeoutMs, late: unknown });
}
