import type { Logger } from "../adapters/telemetry/logger.ts";
import type { Metrics } from "../adapters/telemetry/metrics.ts";
import type { Config } from "../config/schema.ts";
import type { DatabaseUrls } from "../process/databases.ts";

/** What every process is composed of. */
export interface ComposeOptions {
  /** Asked again where a setting may change at run time. */
  readonly config: () => Config;
  readonly urls: DatabaseUrls;
  readonly stack: AsyncDisposableStack;
  readonly logger: Logger;
  readonly metrics: Metrics;
}
