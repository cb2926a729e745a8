import { type Infer, schema as s } from "@weir/protocol";
import type { Route } from "../../../core/ports/route.ts";
import { roleNameSchema, serviceName, serviceSchema } from "../schemas.ts";
import { createService, listServices, updateService } from "../services.ts";
import { type AuthDeps, answered, changeRoute } from "./deps.ts";

const createSchema = s.object(
  { name: serviceName, role: roleNameSchema },
  { examples: [{ name: "checkout", role: "service" }] },
);
const updateSchema = s.object(
  {
    role: s.optional(roleNameSchema),
    disabled: s.optional(s.boolean()),
  },
  { minProperties: 1 },
);

export function serviceRoutes(deps: AuthDeps): Route[] {
  return [
    {
      method: "GET",
      path: "/api/services",
      view: "auth.service_list",
      access: "permission",
      summary: "Services with their roles and their extra and revoked permissions.",
      responses: {
        200: {
          description: "All services.",
          schema: s.object({ services: s.array(serviceSchema) }),
        },
      },
      handle: async () => ({ status: 200, body: { services: await listServices(deps.database) } }),
    },
    changeRoute(
      deps,
      {
        method: "POST",
        path: "/api/services",
        view: "auth.service_create",
        summary: "Register a service.",
        body: { kind: "json", schema: createSchema },
        errors: ["already_exists"],
        responses: {
          201: {
            description: "The new service.",
            schema: serviceSchema,
            links: {
              key: {
                to: "auth.post.key_create",
                requestBody: { service: "$response.body#/name" },
              },
              update: {
                to: "auth.patch.service_update",
                parameters: { name: "$response.body#/name" },
              },
            },
          },
        },
      },
      async (administration, { body }) =>
        answered(
          deps,
          201,
          await createService(administration, body as Infer<typeof createSchema>),
        ),
    ),
    changeRoute(
      deps,
      {
        method: "PATCH",
        path: "/api/services/:name",
        view: "auth.service_update",
        summary: "Change the role of a service, or disable it with all its keys.",
        params: { name: serviceName },
        body: { kind: "json", schema: updateSchema },
        errors: ["not_found"],
        responses: { 200: { description: "The service.", schema: serviceSchema } },
      },
      async (administration, { params, body }) => {
        const wanted = body as Infer<typeof updateSchema>;
        return answered(
          deps,
          200,
          await updateService(administration, params["name"] ?? "", wanted),
        );
      },
    ),
  ];
}
