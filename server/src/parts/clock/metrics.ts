import type { Metrics } from "../../core/ports/metrics.ts";
import type { ClockWatch } from "./clock-watch.ts";

/** What the clock watch of this process sees. */
export function observeClock(metrics: Metrics, watch: ClockWatch): void {
  const suspect = metrics.gauge({
    name: "weir_clock_suspect",
    help: "1 while Weir's clock, PostgreSQL's clock and the machine's uptime contradict each other, else 0",
  });
  const postgresql = metrics.gauge({
    name: "weir_clock_postgresql_offset_seconds",
    help: "How far PostgreSQL's clock is ahead of Weir's",
  });
  const weir = metrics.gauge({
    name: "weir_clock_trusted_offset_seconds",
    help: "How far Weir's clock is ahead of trusted time",
  });
  const trusted = metrics.gauge({
    name: "weir_clock_trusted_timestamp_seconds",
    help: "Trusted time, by which data is deleted for its age",
  });
  const steps = metrics.gauge({
    name: "weir_clock_deviations",
    help: "How often the clocks have begun to contradict each other since the process was started",
  });
  metrics.onCollect(async () => {
    const report = await watch.report();
    steps.set(watch.steps);
    if (report === undefined) return;
    suspect.set(report.kind === "step" || report.kind === "disagreement" ? 1 : 0);
    postgresql.set(report.postgresqlAheadS);
    weir.set(report.weirAheadS);
    trusted.set(report.trusted / 1000);
  });
}
