import {
  Counter,
  collectDefaultMetrics,
  Gauge,
  Histogram,
  type MetricObjectWithValues,
  type MetricValue,
  Registry,
} from "prom-client";
import type { Metrics } from "../../core/ports/metrics.ts";

/** The metrics of this process, and their values. */
export interface ProcessMetrics extends Metrics {
  /** The current values, to be combined with those of other processes. */
  objects(): Promise<readonly MetricObjectWithValues<MetricValue<string>>[]>;
}

/** @param part the label that distinguishes the processes of one installation */
export function createMetrics(part: string): ProcessMetrics {
  const registry = new Registry();
  registry.setDefaultLabels({ part });
  collectDefaultMetrics({ register: registry, prefix: "weir_" });
  const registers = [registry];
  const readers: (() => Promise<void>)[] = [];
  return {
    async objects() {
      await Promise.all(readers.map((read) => read()));
      return registry.getMetricsAsJSON();
    },
    onCollect: (read) => {
      readers.push(read);
    },
    counter: ({ name, help, labels = [] }) =>
      new Counter({ name, help, labelNames: labels, registers }),
    gauge: ({ name, help, labels = [] }) =>
      new Gauge({ name, help, labelNames: labels, registers }),
    histogram: ({ name, help, labels = [], buckets }) =>
      new Histogram({ name, help, labelNames: labels, buckets, registers }),
  };
}
