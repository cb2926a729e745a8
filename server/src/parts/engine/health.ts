import type { Queryable } from "../../core/ports/database.ts";
import {
  type CheckResult,
  checkTimeoutMs,
  type HealthCheck,
} from "../../core/ports/health-check.ts";
import { withDeadline } from "../../timing/deadline.ts";
import { type EngineState, readEngine, type SparkRun } from "./engine.ts";

/** The job reports every few seconds. */
const reportLimitSeconds = 30;

const unknown: CheckResult = { status: "down", detail: "the state of the engine cannot be read" };

/** Whether the Spark job runs, while it is the one that folds the windows. */
export function sparkCheck(database: Queryable): HealthCheck {
  const check = () => readEngine(database, checkTimeoutMs).then(judge, (): CheckResult => unknown);
  return () => withDeadline(check, { ms: checkTimeoutMs, late: unknown });
}

function judge(state: EngineState): CheckResult {
  const facts = { engine: state.engine, folded_beyond_position: state.foldedBeyond };
  if (state.engine !== "spark") {
    return { status: "ok", detail: "the built-in engine folds the windows", facts };
  }
  if (!state.jobWanted) {
    return { status: "down", detail: "the Spark job was stopped; windows are not updated", facts };
  }
  if (state.run === undefined || state.run.beganAt < state.changedAt) {
    const detail = "the Spark job has not begun to fold the windows";
    return { status: "degraded", detail, facts };
  }
  return judgeRun(state.run, facts);
}

function judgeRun(run: SparkRun, engine: Readonly<Record<string, unknown>>): CheckResult {
  const { state, error, behind, lag_ms: lagMs } = run.report;
  const age = Math.round((run.reportAgeSeconds ?? 0) * 10) / 10;
  const facts = {
    ...engine,
    ...{ epoch: run.epoch, batches: run.batches, events: run.events, report_age_s: age },
    ...(state === undefined ? {} : { state }),
    ...(behind === undefined ? {} : { behind }),
    ...(lagMs === undefined ? {} : { lag_ms: lagMs }),
  };
  if (age > reportLimitSeconds) {
    return {
      status: "down",
      detail: `the Spark job has not reported for ${Math.round(age)} s`,
      facts,
    };
  }
  if (typeof error === "string") return { status: "degraded", detail: error.slice(0, 300), facts };
  return { status: "ok", facts };
}
