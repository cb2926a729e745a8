import type { Queryable } from "../../core/ports/database.ts";
import {
  type CheckResult,
  checkTimeoutMs,
  type HealthCheck,
} from "../../core/ports/health-check.ts";
import { withDeadline } from "../../timing/deadline.ts";
import { readLag } from "./lag.ts";
import { type LogReader, listReaders } from "./readers.ts";

/** A running reader gives a sign of life at least every five seconds. */
const silentAfterMs = 10 * 60_000;

const unknown: CheckResult = {
  status: "down",
  detail: "the register of log readers cannot be read",
};

/** Names the readers that have stopped reading: the raw log is kept for them, whatever its retention. */
export function readersCheck(database: Queryable): HealthCheck {
  const options = { timeoutMs: checkTimeoutMs };
  const check = async () => {
    try {
      const readers = await listReaders(database, options);
      const silent: LogReader[] = [];
      for (const reader of readers.filter((one) => one.silentMs > silentAfterMs)) {
        const lag = await readLag(database, reader.name, { ...options, atMost: 1 });
        if (lag !== undefined && lag.events > 0) silent.push(reader);
      }
      return judge(silent, readers.length);
    } catch {
      return unknown;
    }
  };
  return () => withDeadline(check, { ms: checkTimeoutMs, late: unknown });
}

function judge(silent: readonly LogReader[], count: number): CheckResult {
  const facts = { readers: count, silent: silent.map(({ name }) => name) };
  if (silent.length === 0) return { status: "ok", facts };
  const since = silent.map(
    ({ name, heartbeatAt }) => `"${name}" (since ${heartbeatAt.toISOString()})`,
  );
  const detail = `not reading the raw log: ${since.join(", ")}; events are kept for them until they read on or are removed (weir readers remove)`;
  return { status: "degraded", detail, facts };
}
