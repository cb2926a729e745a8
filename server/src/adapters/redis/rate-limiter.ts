/**
 * Token buckets in Redis, shared by all processes of an installation. A process leases tokens ahead of their use, so
 * that the accept path decides without waiting; what is leased is gone from the bucket, so no process
 * can exceed the limit. Without Redis each process limits by itself, with a share of the policy.
 */
import type { RateDecision, RateLimiter, RatePolicy } from "../../core/access/rate-limit.ts";
import { type RedisConnection, redisScript } from "./connection.ts";

export interface RedisRateLimiterOptions {
  readonly redis: Pick<RedisConnection, "isUp" | "key" | "script">;
  /** What it limits: buckets of different names are separate. */
  readonly name: string;
  /** Decides while Redis is down. */
  readonly local: RateLimiter;
  /** The part of each limit, 0 to 1, that this process applies while Redis is down. */
  readonly localShare: () => number;
  /** Monotonic milliseconds. */
  readonly monotonic: () => number;
  /** Who decided. Called on the hot path: it must not throw or wait. */
  readonly onDecision?: (by: "lease" | "redis" | "local") => void;
}

export interface RedisRateLimiter extends RateLimiter {
  /** Returns the leased tokens. */
  close(): Promise<void>;
}

/**
 * Refills the bucket by the clock of Redis, puts `back` unused tokens into it, and takes up to `want`, or none when
 * fewer than `need` are there. A bucket that is full is not stored.
 */
const lease = redisScript(`
  local time = redis.call('TIME')
  local now = time[1] * 1000000 + time[2]
  local rate, burst = tonumber(ARGV[1]), tonumber(ARGV[2])
  local need, want, back = tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])
  local found = redis.call('HMGET', KEYS[1], 'tokens', 'at')
  local tokens = burst
  if found[1] then
    tokens = tonumber(found[1]) + math.max(0, now - tonumber(found[2])) * rate / 1000000
  end
  tokens = math.min(burst, tokens + back)
  local granted = 0
  if tokens >= need then granted = math.min(want, math.floor(tokens)) end
  tokens = tokens - granted
  redis.call('HSET', KEYS[1], 'tokens', string.format('%.6f', tokens), 'at', string.format('%.0f', now))
  redis.call('PEXPIRE', KEYS[1], math.ceil((burst - tokens) / rate * 1000) + 1000)
  return {granted, string.format('%.6f', tokens)}`);

/** A lease is at most this part of the burst, so that leases of two idle processes are less than 1 % of a limit. */
const leasePart = 1 / 250;
/** Nor more than the rate adds in this time. */
const leaseSeconds = 0.01;
/** A call costs 200 µs of CPU: the next lease is fetched when this part is left. */
const refillPart = 1 / 4;
/** Leased tokens that were not used for this long are returned. */
const idleMs = 1_000;
const sweepMs = 500;
/** After this time Redis is asked again whether a key that was over its limit still is. */
const trustMs = 250;

interface Waiting {
  readonly events: number;
  readonly policy: RatePolicy;
  readonly now: number;
  readonly resolve: (decision: RateDecision) => void;
}

/** What this process knows of one bucket. */
interface Bucket {
  readonly key: string;
  /** Leased and not used. */
  held: number;
  /** Left in Redis after its last answer; undefined before the first. */
  left: number | undefined;
  leftAt: number;
  usedAt: number;
  policy: RatePolicy;
  asking: boolean;
  waiting: Waiting[];
}

export function createRedisRateLimiter(options: RedisRateLimiterOptions): RedisRateLimiter {
  return new LeasingRateLimiter(options);
}

class LeasingRateLimiter implements RedisRateLimiter {
  readonly #options: RedisRateLimiterOptions;
  readonly #buckets = new Map<string, Bucket>();
  readonly #sweeping: NodeJS.Timeout;

  constructor(options: RedisRateLimiterOptions) {
    this.#options = options;
    this.#sweeping = setInterval(() => void this.#sweep(idleMs), sweepMs);
    this.#sweeping.unref();
  }

  take(
    key: string,
    { events, policy, now }: Parameters<RateLimiter["take"]>[1],
  ): RateDecision | Promise<RateDecision> {
    const { redis, monotonic, onDecision } = this.#options;
    const bucket = this.#bucket(key, policy);
    const time = monotonic();
    bucket.usedAt = time;
    bucket.policy = policy;
    if (bucket.held >= events) {
      bucket.held -= events;
      if (bucket.held < leaseSize(policy) * refillPart && !bucket.asking && redis.isUp) {
        void this.#ask(bucket);
      }
      onDecision?.("lease");
      return decide(bucket, { events, allowed: true, policy, time });
    }
    if (!redis.isUp) return this.#decideLocally(key, { events, policy, now });
    const estimate = inRedis(bucket, policy, time);
    if (estimate !== undefined && bucket.held + estimate < events) {
      onDecision?.("lease");
      return decide(bucket, { events, allowed: false, policy, time });
    }
    return new Promise((resolve) => {
      bucket.waiting.push({ events, policy, now, resolve });
      if (!bucket.asking) void this.#ask(bucket);
    });
  }

  async close(): Promise<void> {
    clearInterval(this.#sweeping);
    await this.#sweep(Number.NEGATIVE_INFINITY);
  }

  #bucket(key: string, policy: RatePolicy): Bucket {
    const known = this.#buckets.get(key);
    if (known !== undefined) return known;
    const bucket: Bucket = {
      ...{ key, held: 0, left: undefined, leftAt: 0, usedAt: 0, policy },
      ...{ asking: false, waiting: [] },
    };
    this.#buckets.set(key, bucket);
    return bucket;
  }

  #decideLocally(key: string, { events, policy, now }: Parameters<RateLimiter["take"]>[1]) {
    const share = this.#options.localShare();
    this.#options.onDecision?.("local");
    return this.#options.local.take(key, {
      events,
      now,
      policy: {
        eventsPerSecond: policy.eventsPerSecond * share,
        burstEvents: Math.ceil(policy.burstEvents * share),
      },
    });
  }

  /** Leases tokens for all who wait and some ahead, one call at a time. Never rejects. */
  async #ask(bucket: Bucket): Promise<void> {
    bucket.asking = true;
    do {
      const asked = bucket.waiting;
      bucket.waiting = [];
      await this.#askFor(bucket, asked);
    } while (bucket.waiting.length > 0);
    bucket.asking = false;
  }

  async #askFor(bucket: Bucket, asked: readonly Waiting[]): Promise<void> {
    const { policy } = bucket;
    const ahead = leaseSize(policy);
    const smallest = asked.reduce((least, { events }) => Math.min(least, events), Infinity);
    const all = asked.reduce((sum, { events }) => sum + events, 0);
    const need = asked.length === 0 ? 0 : Math.max(0, smallest - bucket.held);
    const want = Math.max(need, all + ahead - bucket.held);
    try {
      await this.#call(bucket, { need, want, back: 0 });
      for (const waiting of asked) this.#serve(bucket, waiting);
      // a request that did not fit leaves tokens that another process may need
      if (bucket.held > 2 * ahead) await this.#giveBack(bucket, bucket.held - ahead);
    } catch {
      for (const waiting of asked) {
        waiting.resolve(await this.#decideLocally(bucket.key, waiting));
      }
    }
  }

  #serve(bucket: Bucket, { events, policy, resolve }: Waiting): void {
    const allowed = bucket.held >= events;
    if (allowed) bucket.held -= events;
    this.#options.onDecision?.("redis");
    resolve(decide(bucket, { events, allowed, policy, time: this.#options.monotonic() }));
  }

  async #call(
    bucket: Bucket,
    { need, want, back }: { readonly need: number; readonly want: number; readonly back: number },
  ): Promise<void> {
    const { redis, name, monotonic } = this.#options;
    const { eventsPerSecond, burstEvents } = bucket.policy;
    const [granted, left] = (await redis.script(
      lease,
      redis.key(`limit:${name}:${bucket.key}`),
      [eventsPerSecond, burstEvents, need, want, back].map(String),
    )) as [number, Buffer];
    bucket.held += granted;
    bucket.left = Number(left);
    bucket.leftAt = monotonic();
  }

  /** When the call fails its outcome is unknown: the tokens are lost rather than used twice. */
  async #giveBack(bucket: Bucket, back: number): Promise<void> {
    bucket.held -= back;
    await this.#call(bucket, { need: 0, want: 0, back }).catch(() => {});
  }

  /** Returns what was not used lately, and forgets its buckets. */
  async #sweep(olderThanMs: number): Promise<void> {
    const now = this.#options.monotonic();
    const returning: Promise<void>[] = [];
    for (const [key, bucket] of this.#buckets) {
      if (bucket.asking || now - bucket.usedAt < olderThanMs) continue;
      this.#buckets.delete(key);
      if (bucket.held > 0 && this.#options.redis.isUp) {
        returning.push(this.#giveBack(bucket, bucket.held));
      }
    }
    await Promise.all(returning);
  }
}

function leaseSize({ burstEvents, eventsPerSecond }: RatePolicy): number {
  return Math.floor(Math.min(burstEvents * leasePart, eventsPerSecond * leaseSeconds));
}

/** At most what is in Redis now: other processes only take. Undefined when the last answer is too old to say. */
function inRedis(bucket: Bucket, policy: RatePolicy, time: number): number | undefined {
  const { left, leftAt } = bucket;
  if (left === undefined || time - leftAt > trustMs) return undefined;
  const gained = ((time - leftAt) * policy.eventsPerSecond) / 1000;
  return Math.min(policy.burstEvents, left + gained);
}

interface Decided {
  readonly events: number;
  readonly allowed: boolean;
  readonly policy: RatePolicy;
  readonly time: number;
}

function decide(bucket: Bucket, { events, allowed, policy, time }: Decided): RateDecision {
  const { eventsPerSecond: rate, burstEvents: burst } = policy;
  const tokens = Math.min(burst, bucket.held + (inRedis(bucket, policy, time) ?? bucket.left ?? 0));
  return {
    allowed,
    remaining: Math.floor(tokens),
    resetSeconds: Math.ceil((burst - tokens) / rate),
    retryAfterSeconds: allowed
      ? 0
      : Math.max(1, Math.ceil((Math.min(events, burst) - tokens) / rate)),
  };
}
