import { createLogger } from "../adapters/telemetry/logger.ts";
import { createMetrics } from "../adapters/telemetry/metrics.ts";
import type { Config } from "../config/schema.ts";
import { unreachableUrls } from "../process/databases.ts";
import { assembleApi } from "./api.ts";

/** Every route of the API and every permission name, without connecting to anything. */
export async function listRoutes(config: Config) {
  await using stack = new AsyncDisposableStack();
  const { routes, permissions } = await assembleApi({
    config: () => config,
    urls: unreachableUrls,
    stack,
    logger: createLogger("error"),
    metrics: createMetrics("none"),
    serverUrl: () => undefined,
  });
  return { routes, permissions };
}
