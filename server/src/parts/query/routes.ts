import type { Route } from "../../core/ports/route.ts";
import { analyticsRoutes } from "./analytics-routes.ts";
import type { QueryContext, QueryDeps } from "./context.ts";
import { eventRoutes } from "./event-routes.ts";
import { QueryRunner } from "./query-runner.ts";
import { windowRoutes } from "./window-routes.ts";

/** The query API: analytics, raw events, windows and their reruns. */
export function queryRoutes(deps: QueryDeps): Route[] {
  const { database, clock = () => performance.now() } = deps;
  const context: QueryContext = { ...deps, runner: new QueryRunner(database, { ...deps, clock }) };
  return [...analyticsRoutes(context), ...eventRoutes(context), ...windowRoutes(context)];
}
