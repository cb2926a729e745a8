/** The connection to Redis, one in each process that uses it, and what the process keeps there. */
import { readFileSync } from "node:fs";
import { createMemoryRateLimiter } from "../adapters/limits/memory-rate-limiter.ts";
import { RedisConnection } from "../adapters/redis/connection.ts";
import {
  observeRateLimits,
  observeRedis,
  observeRedisCommands,
} from "../adapters/redis/metrics.ts";
import { createRedisRateLimiter } from "../adapters/redis/rate-limiter.ts";
import type { ProcessMetrics } from "../adapters/telemetry/metrics.ts";
import { ConfigError } from "../config/config-error.ts";
import type { RateLimiter } from "../core/access/rate-limit.ts";
import { messageOf } from "../core/errors.ts";
import type { ComposeOptions } from "./options.ts";
import { composeResilience } from "./resilience.ts";

type Options = Pick<ComposeOptions, "config" | "stack" | "logger" | "metrics">;

/** By process: `weir serve` can compose several entries of the table of processes in one. */
const connections = new WeakMap<ProcessMetrics, RedisConnection>();
const decisions = new WeakMap<ProcessMetrics, ReturnType<typeof observeRateLimits>>();

const monotonic = () => performance.now();

/** Not connected before `open`; undefined without `redis.url`. */
export function composeRedis(options: Options): RedisConnection | undefined {
  const { config, stack, logger, metrics } = options;
  const known = connections.get(metrics);
  if (known !== undefined) return known;
  const { url, username, password, ca_file, key_prefix, connect_timeout_ms } = config().redis;
  if (url === null) return undefined;
  const redis = stack.use(
    new RedisConnection({
      url,
      username: username ?? undefined,
      password: password ?? undefined,
      ca: ca_file === null ? undefined : readCertificates(ca_file),
      name: "weir",
      keyPrefix: key_prefix,
      connectTimeoutMs: connect_timeout_ms,
      guard: composeResilience(options).guard("redis"),
      logger,
      monotonic,
      random: Math.random,
      onCommand: observeRedisCommands(metrics),
    }),
  );
  observeRedis(metrics, redis);
  connections.set(metrics, redis);
  return redis;
}

/**
 * @param name of what is limited: a limiter drops its buckets by the policy that it is called with
 * @throws ConfigError when it is Redis and its URL is missing
 */
export function composeRateLimiter(options: Options, name: "events" | "signins"): RateLimiter {
  const local = createMemoryRateLimiter();
  const { config, stack, metrics } = options;
  if (config().limits.driver === "memory") return local;
  const redis = demandRedis(options, "limits.driver");
  const onDecision = decisions.get(metrics) ?? observeRateLimits(metrics);
  decisions.set(metrics, onDecision);
  const limiter = createRedisRateLimiter({
    ...{ redis, name, local, monotonic, onDecision },
    localShare: () => config().limits.share_without_redis,
  });
  stack.defer(() => limiter.close());
  return limiter;
}

/** @throws ConfigError that names the setting which needs Redis */
export function demandRedis(options: Options, setting: string): RedisConnection {
  const redis = composeRedis(options);
  if (redis === undefined) throw new ConfigError(`${setting} is redis, but redis.url is not set`);
  return redis;
}

function readCertificates(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    throw new ConfigError(`redis.ca_file: cannot read the file: ${messageOf(error)}`);
  }
}
