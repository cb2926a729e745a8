import {
  Counter,
  collectDefaultMetrics,
  Gauge,
  Histogram,
  type MetricObject,
  Registry,
} from "prom-client";

interface Described {
  /** `weir_` prefix, base units, `_total` for counters. */
  readonly name: string;
  readonly help: string;
  readonly labels?: string[];
}

/** Every metric of this process, in Prometheus' words: `weir_` prefix, base units. */
export interface Metrics {
  readonly registry: Registry;
  /** As data, to be put beside those of other processes. */
  objects(): Promise<MetricObject[]>;
  /** Called before each collection, for values that are read rather than counted. */
  onCollect(read: () => Promise<void>): void;
  counter(described: Described): Counter;
  gauge(described: Described): Gauge;
  histogram(described: Described & { readonly buckets: number[] }): Histogram;
}

export const secondsBuckets = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5];

/** @param part the name that tells the processes of one installation apart. */
export function createMetrics(part: string): Metrics {
  const registry = new Registry();
  registry.setDefaultLabels({ part });
  collectDefaultMetrics({ register: registry, prefix: "weir_" });
  const registers = [registry];
  const readers: (() => Promise<void>)[] = [];
  return {
    registry,
    async objects() {
      await Promise.all(readers.map((read) => read()));
      return (await registry.getMetricsAsJSON()) as MetricObject[];
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
