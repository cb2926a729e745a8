/** Metrics of a process, as parts and adapters use them; `adapters/telemetry` provides them. */

type Labels = Readonly<Record<string, string | number>>;

export interface Counter {
  inc(amount?: number): void;
  inc(labels: Labels, amount?: number): void;
}

export interface Gauge {
  set(value: number): void;
  set(labels: Labels, value: number): void;
  /** Forgets the values of all labels. */
  reset(): void;
}

export interface Histogram {
  observe(value: number): void;
  observe(labels: Labels, value: number): void;
  /** The series of these labels, for hot paths. */
  labels(labels: Labels): { observe(value: number): void };
}

interface Described {
  /** With the prefix `weir_` and base units; counters end in `_total`. */
  readonly name: string;
  readonly help: string;
  readonly labels?: string[];
}

export interface Metrics {
  counter(described: Described): Counter;
  gauge(described: Described): Gauge;
  histogram(described: Described & { readonly buckets: number[] }): Histogram;
  /** Called before each collection, for values that are read rather than counted. */
  onCollect(read: () => Promise<void>): void;
}

/** Upper bounds of histograms of durations, in seconds. */
export const secondsBuckets = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5];
