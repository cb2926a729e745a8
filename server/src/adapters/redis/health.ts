import { messageOf } from "../../core/errors.ts";
import {
  type CheckResult,
  checkTimeoutMs,
  type HealthCheck,
} from "../../core/ports/health-check.ts";
import { withDeadline } from "../../timing/deadline.ts";
import type { RedisConnection } from "./connection.ts";

const unavailable =
  "Redis does not answer; each process limits rates by itself and answers without the shared cache";

/** Whether Redis answers. Without it Weir is slower and its limits are those of each process: nothing else. */
export function redisCheck(redis: RedisConnection | undefined): HealthCheck {
  if (redis === undefined) {
    return async () => ({ status: "ok", detail: "not configured", facts: { configured: false } });
  }
  const late: CheckResult = { status: "degraded", detail: unavailable };
  return () => withDeadline(() => ask(redis), { ms: checkTimeoutMs, late });
}

async function ask(redis: RedisConnection): Promise<CheckResult> {
  const started = performance.now();
  try {
    const info = String(await redis.command(["INFO", "server"]));
    const ms = Math.round((performance.now() - started) * 100) / 100;
    const version = /^redis_version:(.+)$/m.exec(info)?.[1]?.trim();
    return { status: "ok", ms, facts: { configured: true, version } };
  } catch (error) {
    const facts = { configured: true, reason: messageOf(error) };
    return { status: "degraded", detail: unavailable, facts };
  }
}
