import { type Infer, schema as s } from "@weir/protocol";
import type { Route } from "../../../core/ports/route.ts";
import { createKey, listKeys, revokeKey } from "../keys.ts";
import { instantSchema, keyId, keySchema, newKeySchema, serviceName } from "../schemas.ts";
import { type AuthDeps, answered, changeRoute } from "./deps.ts";

const createSchema = s.object({
  service: serviceName,
  label: s.optional(s.string({ maxLength: 200, description: "What the key is used for." })),
  expires_at: s.optional(instantSchema),
  replaces: s.optional({ ...keyId, description: "Id of the key that this one replaces." }),
  overlap_seconds: s.optional(
    s.integer({
      minimum: 0,
      maximum: 90 * 86_400,
      description: "With `replaces`: how long the old key remains valid; default: one day.",
    }),
  ),
});

export function keyRoutes(deps: AuthDeps): Route[] {
  return [
    {
      method: "GET",
      path: "/api/keys",
      view: "auth.key_list",
      access: "permission",
      summary: "API keys without their secrets, newest first.",
      query: { service: serviceName },
      responses: { 200: { description: "Keys.", schema: s.object({ keys: s.array(keySchema) }) } },
      handle: async ({ query }) => ({
        status: 200,
        body: { keys: await listKeys(deps.database, query["service"] as string | undefined) },
      }),
    },
    changeRoute(
      deps,
      {
        method: "POST",
        path: "/api/keys",
        view: "auth.key_create",
        summary: "Create an API key; the complete key is shown only once.",
        body: { kind: "json", schema: createSchema },
        errors: ["not_found"],
        responses: {
          201: {
            description: "The key with its secret.",
            schema: newKeySchema,
            links: {
              revoke: { to: "auth.post.key_revoke", parameters: { id: "$response.body#/id" } },
            },
          },
        },
      },
      async (administration, request) => {
        const body = request.body as Infer<typeof createSchema>;
        const { service, label, replaces } = body;
        return answered(
          deps,
          201,
          await createKey(administration, {
            service,
            ...(label === undefined ? {} : { label }),
            ...(replaces === undefined ? {} : { replaces }),
            ...(body.overlap_seconds === undefined ? {} : { overlapSeconds: body.overlap_seconds }),
            ...(body.expires_at === undefined ? {} : { expiresAt: new Date(body.expires_at) }),
          }),
        );
      },
    ),
    changeRoute(
      deps,
      {
        method: "POST",
        path: "/api/keys/:id/revoke",
        view: "auth.key_revoke",
        summary: "Revoke a key and end its browser sessions everywhere within a second.",
        params: { id: keyId },
        errors: ["not_found", "invalid_request"],
        responses: { 200: { description: "The revoked key.", schema: keySchema } },
      },
      async (administration, { params }) =>
        answered(deps, 200, await revokeKey(administration, params["id"] ?? "")),
    ),
  ];
}
