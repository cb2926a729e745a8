/** The watch of the clocks, one in each process that depends on trusted time. */
import type { ProcessMetrics } from "../adapters/telemetry/metrics.ts";
import { ClockWatch } from "../parts/clock/clock-watch.ts";
import { describe } from "../parts/clock/health.ts";
import { observeClock } from "../parts/clock/metrics.ts";
import { localClocks } from "../parts/clock/readings.ts";
import { openConnections } from "../process/databases.ts";
import type { ComposeOptions } from "./options.ts";

/** By process: `weir serve` can compose several entries of the table of processes in one. */
const watches = new WeakMap<ProcessMetrics, ClockWatch>();

export interface ComposedClock {
  readonly watch: ClockWatch;
  /** The watch, or nothing when another entry of this process runs it. */
  readonly parts: readonly ClockWatch[];
}

/** @param logs whether this process writes to the log when the clocks begin to deviate: one of an installation does */
export function composeClock(
  options: ComposeOptions,
  { logs }: { readonly logs: boolean },
): ComposedClock {
  const existing = watches.get(options.metrics);
  if (existing !== undefined) return { watch: existing, parts: [] };
  const { urls, logger, metrics } = options;
  // a connection of its own: waiting for one would look like a clock that is behind
  const database = openConnections(options).pool({
    url: urls.app,
    applicationName: "weir clock",
    max: 1,
    statementTimeoutMs: 5_000,
  });
  const watch = new ClockWatch({
    database,
    clocks: localClocks(),
    onChange(report) {
      if (!logs) return;
      const { trusted, since, ...figures } = report;
      const detail = describe(report);
      if (detail === undefined) logger.info(figures, "the clocks agree again");
      else logger.warn(figures, detail);
    },
  });
  observeClock(metrics, watch);
  watches.set(metrics, watch);
  return { watch, parts: [watch] };
}
