import type { OutageWatch } from "../adapters/postgres/outage.ts";
import type { ProcessMetrics } from "../adapters/telemetry/metrics.ts";
import type { Config } from "../config/schema.ts";
import type { Logger } from "../core/ports/logger.ts";
import type { Part } from "../core/ports/part.ts";
import type { DatabaseUrls } from "../process/databases.ts";

/** What every process is composed from. */
export interface ComposeOptions {
  /** Called again wherever a setting may change at run time. */
  readonly config: () => Config;
  readonly urls: DatabaseUrls;
  /** Closes what the process opened, in reverse order, when it ends. */
  readonly stack: AsyncDisposableStack;
  readonly logger: Logger;
  readonly metrics: ProcessMetrics;
  /** Other processes listen on the same port. */
  readonly sharesPort?: boolean;
  /** All connections of the process report to it. */
  readonly outage: OutageWatch;
  /** Base URL of Weir's HTTP server, for parts that are clients of it; undefined when none is known. */
  readonly serverUrl: () => string | undefined;
}

/** The parts of one process, wired and not yet running. */
export interface ComposedProcess {
  readonly parts: readonly Part[];
  /** For the status line of `weir up`. */
  counters(): Readonly<Record<string, number>>;
  /** Opens the port; resolves with the base URL. */
  listen?(): Promise<string>;
  /** Refuses new work and finishes what was accepted. Called before the parts are stopped. */
  drain?(): Promise<void>;
  /** Resolves when there is nothing left to do: the process ends and is not restarted. */
  readonly finished?: Promise<void>;
  /** Called after all parts have ended. */
  close?(): Promise<void>;
}

/** What each process file exports as `compose`: wires those of its parts that are named. */
export type Compose = (
  options: ComposeOptions,
  parts: ReadonlySet<string>,
) => Promise<ComposedProcess>;
