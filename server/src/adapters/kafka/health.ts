import {
  type CheckResult,
  checkTimeoutMs,
  type HealthCheck,
} from "../../core/ports/health-check.ts";
import { withDeadline } from "../../timing/deadline.ts";
import type { KafkaAdmin } from "./admin.ts";
import { asBrokerError } from "./errors.ts";

const late: CheckResult = {
  status: "degraded",
  detail: "Kafka does not answer; ingestion goes on, and what depends on Kafka continues by itself",
};

/** Whether a broker answers. Ingestion does not depend on it, so it is never `down`. */
export function kafkaCheck(admin: Pick<KafkaAdmin, "ping">): HealthCheck {
  const ask = async (): Promise<CheckResult> => {
    const started = performance.now();
    try {
      const { clusterId, brokers } = await admin.ping();
      const ms = Math.round((performance.now() - started) * 100) / 100;
      return { status: "ok", ms, facts: { cluster: clusterId, brokers } };
    } catch (error) {
      return { ...late, facts: { reason: asBrokerError(error).message } };
    }
  };
  return () => withDeadline(ask, { ms: checkTimeoutMs, late });
}
