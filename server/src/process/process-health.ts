/** What the supervisor reports of its processes, as a health check and as metrics. */
import type { HealthCheck } from "../core/ports/health-check.ts";
import type { Metrics } from "../core/ports/metrics.ts";
import type { ProcessReport } from "./process-states.ts";

type ReadReports = () => readonly ProcessReport[] | undefined;

/** Degraded while a process does not run. Without a supervisor (`weir serve`) there is nothing to report. */
export function processesCheck(read: ReadReports): HealthCheck {
  return async () => {
    const reports = read();
    if (reports === undefined) {
      return { status: "ok", detail: "without a supervisor; see your process manager" };
    }
    const problems = reports.flatMap(({ problem }) => (problem === null ? [] : [problem]));
    const facts = Object.fromEntries(
      reports.map(({ name, restarts, continued }) => [name, { restarts, continued }]),
    );
    if (problems.length === 0) return { status: "ok", facts };
    return { status: "degraded", detail: problems.join("; "), facts };
  };
}

export function observeProcesses(metrics: Metrics, read: ReadReports): void {
  const running = metrics.gauge({
    name: "weir_process_running",
    help: "1 while the supervised process runs and answers, 0 otherwise",
    labels: ["process"],
  });
  const restarts = metrics.counter({
    name: "weir_process_restarts_total",
    help: "Restarts since `weir up` started: exit (it ended), signal (it was killed), frozen (no sign of life)",
    labels: ["process", "reason"],
  });
  const continued = metrics.counter({
    name: "weir_process_continued_total",
    help: "How often a stopped process (SIGSTOP) was continued; PostgreSQL only",
    labels: ["process"],
  });
  const counted = new Map<string, number>();
  /** What the report counts more than before; all of it in a process that has just started. */
  const increase = (series: string, now: number): number => {
    const before = counted.get(series) ?? 0;
    counted.set(series, now);
    return now - before;
  };
  metrics.onCollect(async () => {
    for (const report of read() ?? []) {
      const { name } = report;
      running.set({ process: name }, report.problem === null ? 1 : 0);
      continued.inc({ process: name }, increase(`${name} continued`, report.continued));
      for (const [reason, count] of Object.entries(report.restarts)) {
        restarts.inc({ process: name, reason }, increase(`${name} ${reason}`, count));
      }
    }
  });
}
