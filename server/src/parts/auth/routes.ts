import type { Route } from "../../core/ports/route.ts";
import { auditRoutes } from "./routes/audit-routes.ts";
import type { AuthDeps } from "./routes/deps.ts";
import { keyRoutes } from "./routes/key-routes.ts";
import { permissionRoutes } from "./routes/permission-routes.ts";
import { roleRoutes } from "./routes/role-routes.ts";
import { serviceRoutes } from "./routes/service-routes.ts";
import { sessionRoutes } from "./routes/session-routes.ts";

/** Everything under `/api` that is about who may do what. */
export function authRoutes(deps: AuthDeps): Route[] {
  return [
    ...serviceRoutes(deps),
    ...keyRoutes(deps),
    ...roleRoutes(deps),
    ...permissionRoutes(deps),
    ...auditRoutes(deps),
    ...sessionRoutes(deps),
  ];
}
