import { permissionPattern, schema as s } from "@weir/protocol";
import type { Route } from "../../../core/ports/route.ts";
import { addPermission, explainPermission, removePermission } from "../permissions.ts";
import {
  explanationSchema,
  type PermissionChange,
  permissionChangeSchema,
  serviceName,
} from "../schemas.ts";
import { type AuthDeps, answered, changeRoute } from "./deps.ts";

export function permissionRoutes(deps: AuthDeps): Route[] {
  return [
    {
      method: "GET",
      path: "/api/permissions",
      view: "auth.permission_list",
      access: "permission",
      summary: "Names of all permissions.",
      responses: {
        200: { description: "Names.", schema: s.object({ permissions: s.array(s.string()) }) },
      },
      handle: async () => ({
        status: 200,
        body: { permissions: [...deps.knownPermissions()].sort() },
      }),
    },
    changeRoute(
      deps,
      {
        method: "POST",
        path: "/api/permissions",
        view: "auth.permission_change",
        summary: "Add an extra permission to a service, or revoke one.",
        body: { kind: "json", schema: permissionChangeSchema },
        errors: ["not_found"],
        responses: {
          200: {
            description: "Applied; `changed` is false if it was already so.",
            schema: s.object({ changed: s.boolean() }),
          },
        },
      },
      async (administration, { body }) =>
        answered(deps, 200, await addPermission(administration, body as PermissionChange)),
    ),
    changeRoute(
      deps,
      {
        method: "DELETE",
        path: "/api/permissions",
        view: "auth.permission_remove",
        summary: "Remove an extra or a revoked permission from a service.",
        body: { kind: "json", schema: permissionChangeSchema },
        errors: ["not_found"],
        responses: { 204: { description: "Removed." } },
      },
      async (administration, { body }) => {
        await removePermission(administration, body as PermissionChange);
        return answered(deps, 204, undefined);
      },
    ),
    {
      method: "GET",
      path: "/api/permissions/explain",
      view: "auth.permission_explain",
      access: "permission",
      summary: "Explain which rule grants or denies a permission to a service.",
      query: {
        service: serviceName,
        permission: s.string({
          maxLength: 200,
          "x-pattern": permissionPattern,
          examples: ["events.post.event_ingest"],
        }),
      },
      required: ["service", "permission"],
      errors: ["not_found"],
      responses: { 200: { description: "The decision and its rule.", schema: explanationSchema } },
      handle: async ({ query }) => {
        const { service, permission } = query as { service: string; permission: string };
        return {
          status: 200,
          body: await explainPermission(
            deps.database,
            { service, permission },
            deps.knownPermissions(),
          ),
        };
      },
    },
  ];
}
