import { type Infer, schema as s } from "@weir/protocol";
import type { Route } from "../../../core/ports/route.ts";
import { listRoles, replaceRole, resetRole } from "../roles.ts";
import { permissionPatternSchema, roleNameSchema, roleSchema } from "../schemas.ts";
import { type AuthDeps, answered, changeRoute } from "./deps.ts";

const replaceSchema = s.object(
  {
    name: roleNameSchema,
    description: s.optional(s.string({ maxLength: 500 })),
    permissions: s.optional(s.array(permissionPatternSchema, { maxItems: 1_000 })),
    reset: s.optional(
      s.boolean({ const: true, description: "Reset the role to its policy file." }),
    ),
  },
  {
    oneOf: [
      { required: ["permissions"], properties: { reset: false } },
      { required: ["reset"], properties: { permissions: false, description: false } },
    ],
    examples: [{ name: "auditor", permissions: ["auth.get.audit_log"] }],
  },
);

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
        errors: ["not_found"],
        responses: { 200: { description: "The role.", schema: roleSchema } },
      },
      async (administration, { body }) => {
        const { name, description, permissions, reset } = body as Infer<typeof replaceSchema>;
        if (reset === true) {
          return answered(deps, 200, await resetRole(administration, name, deps.policies));
        }
        const role = {
          name,
          permissions: permissions ?? [],
          ...(description === undefined ? {} : { description }),
        };
        return answered(deps, 200, await replaceRole(administration, role));
      },
    ),
  ];
}
