import type { Queryable } from "../../core/ports/database.ts";
import { checkTimeoutMs } from "../../core/ports/health-check.ts";
import type { ReadLag } from "../../core/ports/log.ts";
import { type Metrics, secondsBuckets } from "../../core/ports/metrics.ts";

interface Step {
  readonly events: number;
  readonly more: boolean;
  readonly milliseconds: number;
  /** Microseconds by name. */
  readonly stages: ReadonlyMap<string, number>;
}

/** What the ETL worker of this process does. */
export function observeEtl(metrics: Metrics) {
  const events = metrics.counter({
    name: "weir_etl_events_total",
    help: "Raw events folded into windows by this process",
  });
  const seconds = metrics.histogram({
    name: "weir_etl_step_seconds",
    help: "Duration of steps that folded events",
    buckets: secondsBuckets,
  });
  const stageSeconds = metrics.counter({
    name: "weir_etl_stage_seconds_total",
    help: "Time spent in each stage of those steps",
    labels: ["stage"],
  });
  let folded = 0;
  let behind = 0;
  return {
    step({ events: count, more, milliseconds, stages }: Step) {
      behind = more ? 1 : 0;
      if (count === 0) return;
      folded += count;
      events.inc(count);
      seconds.observe(milliseconds / 1000);
      for (const [stage, micros] of stages) stageSeconds.inc({ stage }, micros / 1e6);
    },
    counters: (): Record<string, number> => ({ folded, etl_catching_up: behind }),
  };
}

/**
 * The state of the windows, read from the tables because the worker may run on another machine. While
 * the database is unavailable the gauges keep their values.
 */
export function observeWindows(metrics: Metrics, database: Queryable, readLag: ReadLag): void {
  const lag = metrics.gauge({
    name: "weir_etl_read_age_seconds",
    help: "Time since the oldest raw event that the windows lack was received; 0 when they lack none",
  });
  const heartbeat = metrics.gauge({
    name: "weir_etl_heartbeat_age_seconds",
    help: "Time since the last heartbeat of the ETL worker",
  });
  const folded = metrics.gauge({
    name: "weir_etl_folded_events",
    help: "Raw events folded into windows since the installation",
  });
  const runs = metrics.gauge({
    name: "weir_etl_window_runs",
    help: "Recomputations of windows, by state",
    labels: ["state"],
  });
  metrics.onCollect(async () => {
    const row = await readWindows(database);
    if (row === undefined) return;
    const behind = await readLag(database, "windows", { timeoutMs: checkTimeoutMs }).catch(
      () => undefined,
    );
    if (behind !== undefined) lag.set(behind.seconds);
    heartbeat.set(row.heartbeat_age ?? Number.NaN);
    folded.set(Number(row.events));
    for (const [state, count] of Object.entries(row.runs ?? {})) runs.set({ state }, count);
  });
}

interface WindowFigures {
  readonly heartbeat_age: number | null;
  readonly events: string;
  readonly runs: Readonly<Record<string, number>> | null;
}

async function readWindows(database: Queryable): Promise<WindowFigures | undefined> {
  const [row] = await database
    .query<WindowFigures>(
      {
        name: "metrics_windows",
        text: `select abs(extract(epoch from clock_timestamp() - l.heartbeat_at))::float8 as heartbeat_age,
                 r.events,
                 (select json_object_agg(state, n)
                  from (select state, count(*) as n from etl.window_runs group by state) s) as runs
               from log.readers r left join etl.leases l on l.reader = r.name
               where r.name = 'windows'`,
      },
      { timeoutMs: checkTimeoutMs },
    )
    .catch(() => []);
  return row;
}
