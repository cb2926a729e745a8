import { type Metrics, secondsBuckets } from "./metrics.ts";

interface Step {
  readonly events: number;
  readonly more: boolean;
  readonly milliseconds: number;
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
  let folded = 0;
  let behind = 0;
  return {
    step({ events: count, more, milliseconds }: Step) {
      behind = more ? 1 : 0;
      if (count === 0) return;
      folded += count;
      events.inc(count);
      seconds.observe(milliseconds / 1000);
    },
    counters: (): Record<string, number> => ({ folded, etl_catching_up: behind }),
  };
}
