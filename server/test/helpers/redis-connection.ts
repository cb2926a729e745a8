/** A connection to Redis as a process opens it, with its log lines. */
import type { CleanUp } from "../../../testing/database.ts";
import { until } from "../../../testing/until.ts";
import { createMemoryRateLimiter } from "../../src/adapters/limits/memory-rate-limiter.ts";
import { RedisConnection } from "../../src/adapters/redis/connection.ts";
import {
  createRedisRateLimiter,
  type RedisRateLimiter,
} from "../../src/adapters/redis/rate-limiter.ts";
import { createResilience } from "../../src/adapters/resilience/resilience.ts";
import { loadConfig } from "../../src/config/load.ts";

export interface TestRedis {
  readonly redis: RedisConnection;
  /** `warn: Redis does not answer`, … */
  readonly lines: string[];
}

export async function connectRedis(
  t: CleanUp,
  options: {
    readonly url: string;
    readonly username?: string;
    readonly password?: string;
    readonly ca?: string;
    /** False: it is not expected to connect. */
    readonly waits?: boolean;
  },
): Promise<TestRedis> {
  const lines: string[] = [];
  const write = (level: string) => (_fields: object, message: string) => {
    lines.push(`${level}: ${message}`);
  };
  const settings = loadConfig({ env: {}, cwd: "/nowhere" }).resilience;
  const resilience = createResilience({ settings: () => settings });
  const redis = new RedisConnection({
    ...{
      url: options.url,
      username: options.username,
      password: options.password,
      ca: options.ca,
      name: "test",
      keyPrefix: "weir:",
    },
    connectTimeoutMs: 1_000,
    guard: resilience.guard("redis"),
    logger: {
      ...{ debug: write("debug"), info: write("info") },
      ...{ warn: write("warn"), error: write("error") },
    },
    monotonic: () => performance.now(),
    random: Math.random,
  });
  t.after(() => redis[Symbol.asyncDispose]());
  redis.open();
  if (options.waits !== false) await until(() => redis.isUp, { what: "the connection to Redis" });
  return { redis, lines };
}

export function limitBy(
  t: CleanUp,
  redis: RedisConnection,
  onDecision?: (by: "lease" | "redis" | "local") => void,
): RedisRateLimiter {
  const limiter = createRedisRateLimiter({
    ...{ redis, name: "events", local: createMemoryRateLimiter(), localShare: () => 1 },
    monotonic: () => performance.now(),
    ...(onDecision === undefined ? {} : { onDecision }),
  });
  t.after(() => limiter.close());
  return limiter;
}
