import { type Metrics, secondsBuckets } from "./metrics.ts";

interface Step {
  readonly events: number;
  readonly more: boolean;
  readonly milliseconds: number;
  /** Microseconds by name. */
  readonly stages: ReadonlyMap<string, number>;
}

/** Counts what the windows' worker does. */
export function observeEtl(metrics: Metrics) {
  const events = metrics.counter({
    name: "weir_etl_events_total",
    help: "Raw events folded into windows",
  });
  const seconds = metrics.histogram({
    name: "weir_etl_step_seconds",
    help: "Duration of a step that folded events",
    buckets: secondsBuckets,
  });
  const stageSeconds = metrics.counter({
    name: "weir_etl_stage_seconds_total",
    help: "Time of the stages of such steps",
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
