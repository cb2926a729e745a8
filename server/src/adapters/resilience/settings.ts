/** The section `resilience` of the configuration; asked anew at each call, so changes take effect at once. */

export const policyNames = ["DEFAULT", "AGGRESSIVE", "CONSERVATIVE", "NETWORK"] as const;
export type PolicyName = (typeof policyNames)[number];
export const strategyNames = ["FIXED", "LINEAR", "EXPONENTIAL", "EXPONENTIAL_JITTER"] as const;

export interface RetryPolicySettings {
  readonly strategy: (typeof strategyNames)[number];
  /** Calls in all, the first one included. */
  readonly attempts: number;
  readonly base_ms: number;
  readonly max_ms: number;
}

export interface BreakerSettings {
  /** Failures in a row that open it; 0: never for that. */
  readonly consecutive_failures: number;
  /** Share of the last `window_calls` calls, 0 to 1, above which it opens; 1: never for that. */
  readonly failure_rate: number;
  readonly window_calls: number;
  readonly open_ms: number;
  /** Calls that must all succeed before it closes again. */
  readonly half_open_calls: number;
}

export interface GuardSettings {
  readonly policy: PolicyName;
  /** Limit of one attempt. */
  readonly timeout_ms: number;
  readonly breaker: BreakerSettings;
}

export interface ResilienceSettings<Name extends string> {
  readonly policies: Readonly<Record<PolicyName, RetryPolicySettings>>;
  readonly guards: Readonly<Record<Name, GuardSettings>>;
}
