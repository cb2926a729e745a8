/** The cache of analytics answers, in the memory of this process or in Redis. */
import { MemoryCache } from "../adapters/cache/memory-cache.ts";
import { RedisCache } from "../adapters/redis/cache.ts";
import type { Cache } from "../core/ports/cache.ts";
import type { Queryable } from "../core/ports/database.ts";
import { AnswerCache } from "../parts/query/answer-cache.ts";
import { observeAnswers } from "../parts/query/metrics.ts";
import { version } from "../process/version.ts";
import type { ComposeOptions } from "./options.ts";
import { demandRedis } from "./redis.ts";

/** Undefined when no answers are kept. @throws ConfigError when it is Redis and its URL is missing */
export function composeAnswerCache(
  options: ComposeOptions,
  database: Queryable,
): AnswerCache | undefined {
  const cache = openCache(options);
  if (cache === undefined) return undefined;
  const { config, metrics } = options;
  return new AnswerCache({
    cache,
    database,
    version,
    maxAgeMs: () => config().cache.max_age_ms,
    maxBytes: config().cache.max_answer_kib * 1024,
    random: Math.random,
    onAnswer: observeAnswers(metrics),
  });
}

function openCache(options: ComposeOptions): Cache | undefined {
  const { driver, memory_mib } = options.config().cache;
  switch (driver) {
    case "none":
      return undefined;
    case "memory":
      return new MemoryCache({
        maxBytes: memory_mib * 1024 * 1024,
        monotonic: () => performance.now(),
      });
    case "redis":
      return new RedisCache(demandRedis(options, "cache.driver"));
  }
}
