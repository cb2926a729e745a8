/** Retries, time limits and breakers before what may be away. All of it changes at run time. */
import { schema as s } from "@weir/protocol";

const hot = { "x-hot": true } as const;
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
      description: `${description}: how the waits grow.`,
      ...hot,
    }),
    attempts: s.integer({
      default: defaults.attempts,
      minimum: 1,
      maximum: 20,
      description: "Calls in all, the first one included.",
      ...hot,
    }),
    base_ms: s.integer({
      default: defaults.base_ms,
      minimum: 1,
      maximum: 60_000,
      description: "The first wait.",
      ...hot,
    }),
    max_ms: s.integer({
      default: defaults.max_ms,
      minimum: 1,
      maximum: 600_000,
      description: "No wait is longer.",
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
      description: `${what}: how calls are repeated.`,
      ...hot,
    }),
    timeout_ms: s.integer({
      default: defaults.timeoutMs,
      minimum: 10,
      maximum: 600_000,
      description: "Limit of one attempt.",
      ...hot,
    }),
    breaker: s.object({
      consecutive_failures: s.integer({
        default: 5,
        minimum: 0,
        maximum: 1_000,
        description: "Failures in a row that open the breaker; 0: never for that.",
        ...hot,
      }),
      failure_rate: s.number({
        default: 0.5,
        minimum: 0.01,
        maximum: 1,
        description: "Share of failed calls above which it opens; 1: never for that.",
        ...hot,
      }),
      window_calls: s.integer({
        default: 50,
        minimum: 1,
        maximum: 10_000,
        description: "The share is that of so many calls.",
        ...hot,
      }),
      open_ms: s.integer({
        default: 5_000,
        minimum: 10,
        maximum: 600_000,
        description: "How long it stays open before it tries again.",
        ...hot,
      }),
      half_open_calls: s.integer({
        default: 1,
        minimum: 1,
        maximum: 100,
        description: "Tries that must all succeed before it closes.",
        ...hot,
      }),
    }),
  });
}

export const resilienceSection = s.object({
  policies: s.object({
    DEFAULT: policy(
      { strategy: "EXPONENTIAL_JITTER", attempts: 3, base_ms: 100, max_ms: 5_000 },
      "For most things",
    ),
    AGGRESSIVE: policy(
      { strategy: "EXPONENTIAL_JITTER", attempts: 6, base_ms: 50, max_ms: 2_000 },
      "When an answer matters more than the load of asking",
    ),
    CONSERVATIVE: policy(
      { strategy: "LINEAR", attempts: 2, base_ms: 1_000, max_ms: 10_000 },
      "For what must not be hurried",
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
