import { type Infer, schema as s } from "@weir/protocol";
import type { Route } from "../../../core/ports/route.ts";
import { invalid } from "../administration.ts";
import { listRoles, replaceRole, resetRole } from "../roles.ts";
import { roleSchema } from "../schemas.ts";
import { type AuthDeps, answered, changeRoute } from "./deps.ts";

const replaceSchema = s.object({
  name: s.string({ minLength: 1, maxLength: 63 }),
  description: s.optional(s.string({ maxLength: 500 })),
  permissions: s.optional(s.array(s.string({ maxLength: 200 }), { maxItems: 1_000 })),
  reset: s.optional(s.boolean({ const: true, description: "Reset the role to its policy file." })),
});

export function roleRoutes(deps: AuthDeps): Route[] {
  return [
    {
      method: "GET",
      path: "/api/roles",
      view: "auth.role_list",
      access: "permission",
      summary: "Roles, and whether they follow their policy files.",
      responses: {
        200: { description: "Roles.", schema: s.object({ roles: s.array(roleSchema) }) },
      },
      handle: async () => ({ status: 200, body: { roles: await listRoles(deps.database) } }),
    },
    changeRoute(
      deps,
      {
        method: "PUT",
        path: "/api/roles",
        view: "auth.role_replace",
        summary: "Create or replace a role, or reset it to its policy file.",
        body: { kind: "json", schema: replaceSchema },
        responses: { 200: { description: "The role.", schema: roleSchema } },
      },
      async (administration, { body }) => {
        const { name, description, permissions, reset } = body as Infer<typeof replaceSchema>;
        if (reset === true) {
          if (permissions !== undefined || description !== undefined) {
            throw invalid(
              "/reset",
              "a reset uses the content of the file; leave the other members out",
            );
          }
          return answered(deps, 200, await resetRole(administration, name, deps.policies));
        }
        if (permissions === undefined) throw invalid("/permissions", "is required");
        const role = {
          name,
          permissions,
          ...(description === undefined ? {} : { description }),
        };
        return answered(deps, 200, await replaceRole(administration, role));
      },
    ),
  ];
}
