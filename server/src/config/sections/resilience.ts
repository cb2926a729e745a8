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

function guard(what: string, defaults: GuardDefaults) {
  return s.object({
    policy: s.oneOf(policyNames, {
      default: defaults.policy,
      description: `${what}: retry policy.`,
      ...hot,
    }),
    timeout_ms: s.integer({
      default: defaults.timeoutMs,
      minimum: 10,
      maximum: 600_000,
      description: "Time limit of one attempt.",
      ...hot,
    }),
    breaker: s.object({
      consecutive_failures: s.integer({
        default: 5,
        minimum: 0,
        maximum: 1_000,
        description: "Consecutive failures that open the breaker; 0 disables this condition.",
        ...hot,
      }),
      failure_rate: s.number({
        default: 0.5,
        minimum: 0.01,
        maximum: 1,
        description:
          "Share of failed calls above which the breaker opens; 1 disables this condition.",
        ...hot,
      }),
      window_calls: s.integer({
        default: 50,
        minimum: 1,
        maximum: 10_000,
        description: "Number of recent calls over which the share is computed.",
        ...hot,
      }),
      open_ms: s.integer({
        default: 5_000,
        minimum: 10,
        maximum: 600_000,
        description: "Time for which the breaker stays open before it allows trial calls.",
        ...hot,
      }),
      half_open_calls: s.integer({
        default: 1,
        minimum: 1,
        maximum: 100,
        description: "Trial calls that must all succeed before the breaker closes.",
        ...hot,
      }),
    }),
  });
}

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
    vector_store: guard("The vector store", { policy: "DEFAULT", timeoutMs: 10_000 }),
    embedder: guard("The embedder", { policy: "NETWORK", timeoutMs: 30_000 }),
  }),
});
