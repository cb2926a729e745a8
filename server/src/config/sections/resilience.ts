/** Retries, time limits and circuit breakers of calls to other servers. All of it changes at run time. */
import { schema as s } from "@weir/protocol";
import { hot } from "../hot.ts";

const policyNames = ["DEFAULT", "AGGRESSIVE", "CONSERVATIVE", "NETWORK"] as const;

interface PolicyDefaults {
  readonly strategy: "FIXED" | "LINEAR" | "EXPONENTIAL" | "EXPONENTIAL_JITTER";
  readonly attempts: number;
  readonly base_ms: number;
  readonly max_ms: number;
}

function policy(defaults: PolicyDefaults, description: string) {
  return s.object({
    strategy: s.oneOf(["FIXED", "LINEAR", "EXPONENTIAL", "EXPONENTIAL_JITTER"], {
      default: defaults.strategy,
      description: `${description}: how the delay between attempts grows.`,
      ...hot,
    }),
    attempts: s.integer({
      default: defaults.attempts,
      minimum: 1,
      maximum: 20,
      description: "Maximum attempts, including the first.",
      ...hot,
    }),
    base_ms: s.integer({
      default: defaults.base_ms,
      minimum: 1,
      maximum: 60_000,
      description: "Delay before the second attempt.",
      ...hot,
    }),
    max_ms: s.integer({
      default: defaults.max_ms,
      minimum: 1,
      maximum: 600_000,
      description: "Maximum delay between two attempts.",
      ...hot,
    }),
  });
}

interface GuardDefaults {
  readonly policy: (typeof policyNames)[number];
  readonly timeoutMs: number;
}

const policyOf = (what: string, keywords = {}) =>
  s.oneOf(policyNames, { ...keywords, description: `${what}: retry policy.`, ...hot });

const timeoutOf = (keywords = {}) =>
  s.integer({
    ...keywords,
    minimum: 10,
    maximum: 600_000,
    description: "Time limit of one attempt.",
    ...hot,
  });

/** The settings of a breaker; `keywords` holds the default where there is one. */
const breakerSettings = {
  consecutive_failures: (keywords = {}) =>
    s.integer({
      ...keywords,
      minimum: 0,
      maximum: 1_000,
      description: "Consecutive failures that open the breaker; 0 disables this condition.",
      ...hot,
    }),
  failure_rate: (keywords = {}) =>
    s.number({
      ...keywords,
      minimum: 0.01,
      maximum: 1,
      description:
        "Share of failed calls above which the breaker opens; 1 disables this condition.",
      ...hot,
    }),
  window_calls: (keywords = {}) =>
    s.integer({
      ...keywords,
      minimum: 1,
      maximum: 10_000,
      description: "Number of recent calls over which the share is computed.",
      ...hot,
    }),
  open_ms: (keywords = {}) =>
    s.integer({
      ...keywords,
      minimum: 10,
      maximum: 600_000,
      description: "Time for which the breaker stays open before it allows trial calls.",
      ...hot,
    }),
  half_open_calls: (keywords = {}) =>
    s.integer({
      ...keywords,
      minimum: 1,
      maximum: 100,
      description: "Trial calls that must all succeed before the breaker closes.",
      ...hot,
    }),
};

/** The settings of one kind of guard. */
function guard(what: string, defaults: GuardDefaults) {
  return s.object({
    policy: policyOf(what, { default: defaults.policy }),
    timeout_ms: timeoutOf({ default: defaults.timeoutMs }),
    breaker: s.object({
      consecutive_failures: breakerSettings.consecutive_failures({ default: 5 }),
      failure_rate: breakerSettings.failure_rate({ default: 0.5 }),
      window_calls: breakerSettings.window_calls({ default: 50 }),
      open_ms: breakerSettings.open_ms({ default: 5_000 }),
      half_open_calls: breakerSettings.half_open_calls({ default: 1 }),
    }),
  });
}

const attemptsOf = () =>
  s.integer({
    default: 1,
    minimum: 1,
    maximum: 20,
    description: "Maximum attempts; replaces those of the policy.",
    ...hot,
  });

/** One for each subscription. Later attempts are those of `deliveries.retry`, which outlive the process. */
const deliveryGuard = s.object({
  policy: policyOf("Receivers of deliveries", { default: "NETWORK" }),
  attempts: attemptsOf(),
  timeout_ms: timeoutOf({ default: 15_000 }),
  breaker: s.object({
    consecutive_failures: breakerSettings.consecutive_failures({ default: 5 }),
    failure_rate: breakerSettings.failure_rate({ default: 0.9 }),
    window_calls: breakerSettings.window_calls({ default: 50 }),
    open_ms: breakerSettings.open_ms({ default: 5_000 }),
    half_open_calls: breakerSettings.half_open_calls({ default: 1 }),
  }),
});

/** Requests wait for these calls and continue without an answer, so one attempt is made and its limit is short. */
const redisGuard = s.object({
  policy: policyOf("Redis", { default: "DEFAULT" }),
  attempts: attemptsOf(),
  timeout_ms: timeoutOf({ default: 100 }),
  breaker: s.object({
    consecutive_failures: breakerSettings.consecutive_failures({ default: 3 }),
    failure_rate: breakerSettings.failure_rate({ default: 0.5 }),
    window_calls: breakerSettings.window_calls({ default: 50 }),
    open_ms: breakerSettings.open_ms({ default: 1_000 }),
    half_open_calls: breakerSettings.half_open_calls({ default: 1 }),
  }),
});

/** Without defaults: what is left out comes from the guard's kind. */
const guardOverride = s.object({
  policy: s.optional(policyOf("This guard")),
  timeout_ms: s.optional(timeoutOf()),
  breaker: s.optional(
    s.object({
      consecutive_failures: s.optional(breakerSettings.consecutive_failures()),
      failure_rate: s.optional(breakerSettings.failure_rate()),
      window_calls: s.optional(breakerSettings.window_calls()),
      open_ms: s.optional(breakerSettings.open_ms()),
      half_open_calls: s.optional(breakerSettings.half_open_calls()),
    }),
  ),
});

export const resilienceSection = s.object({
  policies: s.object({
    DEFAULT: policy(
      { strategy: "EXPONENTIAL_JITTER", attempts: 3, base_ms: 100, max_ms: 5_000 },
      "Default policy",
    ),
    AGGRESSIVE: policy(
      { strategy: "EXPONENTIAL_JITTER", attempts: 6, base_ms: 50, max_ms: 2_000 },
      "Retries fast and often, for calls whose result matters more than the extra load",
    ),
    CONSERVATIVE: policy(
      { strategy: "LINEAR", attempts: 2, base_ms: 1_000, max_ms: 10_000 },
      "Retries rarely and slowly, for servers that must not be overloaded",
    ),
    NETWORK: policy(
      { strategy: "EXPONENTIAL_JITTER", attempts: 4, base_ms: 200, max_ms: 10_000 },
      "For calls over a network",
    ),
  }),
  guards: s.object({
    default: guard("Guards without settings of their own", {
      policy: "DEFAULT",
      timeoutMs: 10_000,
    }),
    vector_store: guard("The vector store", { policy: "DEFAULT", timeoutMs: 10_000 }),
    embedder: guard("The embedder", { policy: "NETWORK", timeoutMs: 30_000 }),
    redis: redisGuard,
    delivery: deliveryGuard,
    kafka: guard("Kafka", { policy: "NETWORK", timeoutMs: 20_000 }),
  }),
  named_guards: s.record(guardOverride, {
    default: {},
    propertyNames: { pattern: "^[a-z][a-z_]*:." },
    description:
      "Settings of single guards by name (`<kind>:<id>`); what is left out comes from the guard's kind.",
    ...hot,
  }),
  max_named_guards: s.integer({
    default: 1_000,
    minimum: 1,
    maximum: 100_000,
    description:
      "Guards with an id that one process keeps. A new one replaces the least recently used idle one.",
    ...hot,
  }),
});
