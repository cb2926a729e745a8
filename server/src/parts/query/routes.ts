import type { Route } from "../../core/ports/route.ts";
import { analyticsRoutes } from "./analytics-routes.ts";
import { Asker } from "./ask.ts";
import type { QueryContext, QueryDeps } from "./context.ts";
import { eventRoutes } from "./event-routes.ts";
import { windowRoutes } from "./window-routes.ts";

/** Everything that is asked of Weir: analytics, raw events, windows and their reruns. */
export function queryRoutes(deps: QueryDeps): Route[] {
  const { database, clock = () => performance.now() } = deps;
  const context: QueryContext = { ...deps, asker: new Asker(database, { ...deps, clock }) };
  return [...analyticsRoutes(context), ...eventRoutes(context), ...windowRoutes(context)];
}
