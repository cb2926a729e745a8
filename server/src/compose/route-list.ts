import { createLogger } from "../adapters/telemetry/logger.ts";
import { createMetrics } from "../adapters/telemetry/metrics.ts";
import type { Config } from "../config/schema.ts";
import { unreachableUrls, watchForOutages } from "../process/databases.ts";
import { assembleApi } from "./api.ts";

/** Every route of the API and every permission name, without connecting to anything. */
export async function listRoutes(config: Config) {
  await using stack = new AsyncDisposableStack();
  const logger = createLogger("error");
  const { routes, permissions } = await assembleApi({
    config: () => config,
    urls: unreachableUrls,
    stack,
    logger,
    outage: watchForOutages(stack, { url: unreachableUrls.app, logger }),
    metrics: createMetrics("none"),
    serverUrl: () => undefined,
  });
  return { routes, permissions };
}
