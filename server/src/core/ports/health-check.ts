export interface CheckResult {
  readonly status: "ok" | "degraded" | "down";
  readonly detail?: string;
  readonly ms?: number;
  readonly facts?: Readonly<Record<string, unknown>>;
}

/** The state of one dependency or part. Answers within its own time limit and never throws. */
export type HealthCheck = () => Promise<CheckResult>;

/** Time limit of the queries of health checks and metrics. */
export const checkTimeoutMs = 1_500;
