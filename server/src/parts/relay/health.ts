import type { Queryable } from "../../core/ports/database.ts";
import {
  type CheckResult,
  checkTimeoutMs,
  type HealthCheck,
} from "../../core/ports/health-check.ts";
import type { Lag, ReadLag } from "../../core/ports/log.ts";
import { withDeadline } from "../../timing/deadline.ts";
import { type RelayState, readRelayState, rewindCommand } from "./status.ts";

/** Age of the oldest event that is not in the topic above which the relay is reported as degraded. */
const lagLimitSeconds = 60;
const countedAtMost = 10_000;

const unknown: CheckResult = {
  status: "degraded",
  detail: "the state of the relay cannot be read",
};

/** Whether the topic has everything that was accepted. Ingestion does not depend on it: never `down`. */
export function relayCheck(database: Queryable, readLag: ReadLag): HealthCheck {
  const limits = { timeoutMs: checkTimeoutMs };
  const check = async () => {
    try {
      return judge(
        await readRelayState(database, limits),
        await readLag(database, "relay", { ...limits, atMost: countedAtMost }),
      );
    } catch {
      return unknown;
    }
  };
  return () => withDeadline(check, { ms: checkTimeoutMs, late: unknown });
}

function judge(state: RelayState, lag: Lag | undefined): CheckResult {
  const { topic, loss, lossNoticedAt, differences } = state;
  if (lag === undefined) {
    return { status: "degraded", detail: "the relay has not reached Kafka yet" };
  }
  const facts = {
    topic,
    unread_events: lag.events,
    behind_s: Math.round(lag.seconds * 10) / 10,
    differences,
  };
  if (loss !== null) {
    const detail = `${loss} (noticed ${lossNoticedAt}); new events are sent. Send the lost ones again: ${rewindCommand}`;
    return { status: "degraded", detail, facts };
  }
  if (lag.seconds > lagLimitSeconds) {
    const seconds = Math.round(lag.seconds);
    return { status: "degraded", detail: `the topic is ${seconds} s behind the raw log`, facts };
  }
  return { status: "ok", facts };
}
