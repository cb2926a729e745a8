import { type Metrics, secondsBuckets } from "../../core/ports/metrics.ts";
import type { RedisConnection, RedisOptions } from "./connection.ts";
import type { RedisRateLimiterOptions } from "./rate-limiter.ts";

export function observeRedisCommands(metrics: Metrics): NonNullable<RedisOptions["onCommand"]> {
  const seconds = metrics.histogram({
    name: "weir_redis_command_seconds",
    help: "Duration of commands to Redis, failed ones included (ok, failed)",
    labels: ["outcome"],
    buckets: secondsBuckets,
  });
  const outcomes = {
    ok: seconds.labels({ outcome: "ok" }),
    failed: seconds.labels({ outcome: "failed" }),
  };
  return (outcome, duration) => outcomes[outcome].observe(duration);
}

export function observeRedis(metrics: Metrics, redis: RedisConnection): void {
  const up = metrics.gauge({
    name: "weir_redis_up",
    help: "1 while this process reaches Redis, 0 otherwise; absent without Redis",
  });
  metrics.onCollect(async () => up.set(redis.isUp ? 1 : 0));
}

export function observeRateLimits(
  metrics: Metrics,
): NonNullable<RedisRateLimiterOptions["onDecision"]> {
  const decisions = metrics.counter({
    name: "weir_rate_limit_decisions_total",
    help: "Decisions on shared rate limits: by leased tokens, by a question to Redis, or by local limits because Redis is down",
    labels: ["by"],
  });
  return (by) => decisions.inc({ by });
}
