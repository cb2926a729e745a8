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

export type MetricObjects = readonly MetricObjectWithValues<MetricValue<string>>[];

/** The metrics of this process, and their values. */
export interface ProcessMetrics extends Metrics {
  /** Values of the label `part` of this process, which no other process of the installation has. */
  readonly part: string;
  /**
   * What describes the whole installation: several processes can read it, and all read the same, so that it is served
   * by the one that is asked, and not published.
   */
  readonly installation: Metrics;
  /** The current values of this process, to be combined with those of others. */
  objects(): Promise<MetricObjects>;
  /** Those of the installation. */
  installationObjects(): Promise<MetricObjects>;
}

/** @param part the label that distinguishes the processes of one installation */
export function createMetrics(part: string): ProcessMetrics {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry, prefix: "weir_" });
  const { objects, ...own } = metricsIn(registry, part);
  const { objects: installationObjects, ...installation } = metricsIn(
    new Registry(),
    "installation",
  );
  return { ...own, part, installation, objects, installationObjects };
}

function metricsIn(
  registry: Registry,
  part: string,
): Metrics & { objects(): Promise<MetricObjects> } {
  registry.setDefaultLabels({ part });
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
