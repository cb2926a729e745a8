import {
  type CheckResult,
  checkTimeoutMs,
  type HealthCheck,
} from "../../core/ports/health-check.ts";
import { withDeadline } from "../../timing/deadline.ts";
import type { ClockReport, ClockWatch } from "./clock-watch.ts";

const unknown: CheckResult = {
  status: "degraded",
  detail: "the clocks could not be compared: PostgreSQL does not answer",
};

/** Whether Weir's clock, PostgreSQL's clock and the machine's uptime agree. */
export function clockCheck(watch: ClockWatch): HealthCheck {
  const check = async () => {
    const report = await watch.report();
    return report === undefined ? unknown : judge(report);
  };
  return () => withDeadline(check, { ms: checkTimeoutMs, late: unknown });
}

function judge(report: ClockReport): CheckResult {
  const { kind, since, believedInS } = report;
  const facts = {
    trusted_time: new Date(report.trusted).toISOString(),
    weir_ahead_s: rounded(report.weirAheadS),
    postgresql_ahead_of_weir_s: rounded(report.postgresqlAheadS),
    ...(since === undefined ? {} : { since: new Date(since).toISOString() }),
    ...(believedInS === undefined ? {} : { believed_in_s: Math.round(believedInS) }),
  };
  const detail = describe(report);
  if (detail === undefined) return { status: "ok", facts };
  return { status: kind === "offline" ? "ok" : "degraded", detail, facts };
}

/** What is wrong, by how much, and what to do; undefined while the clocks agree. */
export function describe(report: ClockReport): string | undefined {
  const { kind, deviationS, postgresqlAheadS, weirAheadS, since, believedInS } = report;
  if (kind === undefined) return undefined;
  const begun = since === undefined ? "" : ` since ${new Date(since).toISOString()}`;
  const held = "nothing is deleted for its age beyond trusted time meanwhile";
  if (kind === "disagreement") {
    return `PostgreSQL's clock is ${span(postgresqlAheadS)} of Weir's${begun}; Weir's is ${span(weirAheadS)} of trusted time; ${held}. Synchronise both clocks (NTP)`;
  }
  const believed =
    believedInS === undefined
      ? ""
      : ` It is believed in ${amount(believedInS)} if it does not change.`;
  if (kind === "offline") {
    return `the clock went ${amount(deviationS)} forward while Weir was not running; ${held}.${believed} If the clock is right, "weir clock confirm" ends the wait`;
  }
  return `the clock stepped: it is ${span(deviationS)} of trusted time${begun}; ${held}.${believed} Set the clock right; if it is right, run "weir clock confirm"`;
}

function span(seconds: number): string {
  return `${amount(Math.abs(seconds))} ${seconds < 0 ? "behind" : "ahead"}`;
}

function amount(seconds: number): string {
  if (seconds < 120) return `${seconds < 10 ? seconds.toFixed(1) : Math.round(seconds)} s`;
  if (seconds < 7_200) return `${Math.round(seconds / 60)} min`;
  return seconds < 172_800
    ? `${Math.round(seconds / 3_600)} h`
    : `${Math.round(seconds / 86_400)} days`;
}

function rounded(seconds: number): number {
  return Math.round(seconds * 1000) / 1000;
}
