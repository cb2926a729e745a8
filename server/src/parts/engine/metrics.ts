import type { Queryable } from "../../core/ports/database.ts";
import { checkTimeoutMs } from "../../core/ports/health-check.ts";
import type { Metrics } from "../../core/ports/metrics.ts";
import { engines, readEngine, type SparkReport } from "./engine.ts";

/** Of what the job reports: its member, the metric, and what a unit of the member is in the metric's. */
const reported = [
  ["rows", "weir_spark_batch_events", "Messages in the last micro-batch", 1],
  [
    "rows_per_second",
    "weir_spark_events_per_second",
    "Messages that the job processes per second",
    1,
  ],
  ["batch_ms", "weir_spark_batch_seconds", "Duration of the last micro-batch", 0.001],
  [
    "offsets_behind",
    "weir_spark_offsets_behind",
    "Messages of the topic that the job has not read yet",
    1,
  ],
] as const;

/** The state of the engines, read from the tables because the job may run on other machines. */
export function observeEngine(metrics: Metrics, database: Queryable): void {
  const active = metrics.gauge({
    name: "weir_engine_active",
    help: "1 for the engine that folds the windows",
    labels: ["engine"],
  });
  const beyond = metrics.gauge({
    name: "weir_engine_folded_beyond_events",
    help: "Events that Spark has folded beyond the position of the windows",
  });
  const reportAge = metrics.gauge({
    name: "weir_spark_report_age_seconds",
    help: "Time since the Spark job reported last",
  });
  const events = metrics.gauge({
    name: "weir_spark_folded_events",
    help: "Events that the current run of the Spark job has folded",
  });
  const batches = metrics.gauge({
    name: "weir_spark_batches",
    help: "Micro-batches that the current run of the Spark job has folded",
  });
  const gauges = reported.map(([member, name, help, factor]) => ({
    ...{ member, factor },
    gauge: metrics.gauge({ name, help }),
  }));
  const breakers = metrics.gauge({
    name: "weir_spark_breaker_state",
    help: "Breakers of the Spark job: 0 closed, 1 half open, 2 open",
    labels: ["dependency"],
  });
  metrics.onCollect(async () => {
    const state = await readEngine(database, checkTimeoutMs).catch(() => undefined);
    if (state === undefined) return;
    for (const engine of engines) active.set({ engine }, state.engine === engine ? 1 : 0);
    beyond.set(state.foldedBeyond);
    const { run } = state;
    if (run === undefined) return;
    reportAge.set(run.reportAgeSeconds ?? Number.NaN);
    events.set(run.events);
    batches.set(run.batches);
    for (const { member, factor, gauge } of gauges) {
      const value = run.report[member];
      gauge.set(typeof value === "number" ? value * factor : Number.NaN);
    }
    for (const [dependency, value] of breakersOf(run.report)) breakers.set({ dependency }, value);
  });
}

function breakersOf(report: SparkReport): [string, number][] {
  return Object.entries(report).flatMap(([member, value]) =>
    member.startsWith("breaker_") && typeof value === "number"
      ? [[member.slice("breaker_".length), value] as [string, number]]
      : [],
  );
}
