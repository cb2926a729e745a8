/** The section `resilience` of the configuration, read at each call: a change takes effect at once. */
import { guardKind } from "./guard-name.ts";

export const policyNames = ["DEFAULT", "AGGRESSIVE", "CONSERVATIVE", "NETWORK"] as const;
export type PolicyName = (typeof policyNames)[number];
export const strategyNames = ["FIXED", "LINEAR", "EXPONENTIAL", "EXPONENTIAL_JITTER"] as const;

export interface RetryPolicySettings {
  readonly strategy: (typeof strategyNames)[number];
  /** Attempts in total, the first one included. */
  readonly attempts: number;
  readonly base_ms: number;
  readonly max_ms: number;
}

export interface BreakerSettings {
  /** Consecutive failures that open the breaker; 0: it does not count them. */
  readonly consecutive_failures: number;
  /** Share of the last `window_calls` calls, 0 to 1, above which the breaker opens; 1: it never does. */
  readonly failure_rate: number;
  readonly window_calls: number;
  readonly open_ms: number;
  /** Calls that must all succeed before the breaker closes again. */
  readonly half_open_calls: number;
}

export interface GuardSettings {
  readonly policy: PolicyName;
  /** Replaces the attempts of the policy. */
  readonly attempts?: number;
  /** Limit of one attempt. */
  readonly timeout_ms: number;
  readonly breaker: BreakerSettings;
}

/** What one guard does differently from its kind. */
export interface GuardOverride {
  readonly policy?: PolicyName;
  readonly timeout_ms?: number;
  readonly breaker?: Partial<BreakerSettings>;
}

export interface ResilienceSettings {
  readonly policies: Readonly<Record<PolicyName, RetryPolicySettings>>;
  /** By kind; `default` is for kinds without settings of their own. */
  readonly guards: {
    readonly default: GuardSettings;
    readonly [kind: string]: GuardSettings;
  };
  /** By full name, as `delivery:42`. */
  readonly named_guards: Readonly<Record<string, GuardOverride>>;
  /** Guards with an id (`<kind>:<id>`) that exist at once, in one process. */
  readonly max_named_guards: number;
}

/** The settings of one guard: those under its full name, completed by its kind's or the default ones. */
export function settingsOf(settings: ResilienceSettings, name: string): GuardSettings {
  const { guards, named_guards } = settings;
  const ofKind = own(guards, guardKind(name)) ?? guards.default;
  const override = own(named_guards, name);
  if (override === undefined) return ofKind;
  return { ...ofKind, ...override, breaker: { ...ofKind.breaker, ...override.breaker } };
}

/** An id may be any text, `__proto__` included. */
function own<T>(record: Readonly<Record<string, T>>, key: string): T | undefined {
  return Object.hasOwn(record, key) ? record[key] : undefined;
}
