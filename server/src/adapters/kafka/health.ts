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
  detail:
    "Kafka does not answer; HTTP ingestion continues, and so does what depends on Kafka once it answers",
};

/**
 * Whether a broker answers. HTTP ingestion does not depend on it, so it is never `down`.
 * @param readFacts more to show, such as how far a consumer group is behind
 */
export function kafkaCheck(
  admin: Pick<KafkaAdmin, "ping">,
  readFacts: () => Promise<Readonly<Record<string, unknown>>> = async () => ({}),
): HealthCheck {
  const ask = async (): Promise<CheckResult> => {
    const started = performance.now();
    try {
      const { clusterId, brokers } = await admin.ping();
      const ms = Math.round((performance.now() - started) * 100) / 100;
      return { status: "ok", ms, facts: { cluster: clusterId, brokers, ...(await readFacts()) } };
    } catch (error) {
      return { ...late, facts: { reason: asBrokerError(error).message } };
    }
  };
  return () => withDeadline(ask, { ms: checkTimeoutMs, late });
}
