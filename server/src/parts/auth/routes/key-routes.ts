import { type Infer, schema as s } from "@weir/protocol";
import type { Route } from "../../../core/ports/route.ts";
import { invalid } from "../administration.ts";
import { createKey, listKeys, revokeKey } from "../keys.ts";
import { keySchema, newKeySchema } from "../schemas.ts";
import { type AuthDeps, answered, changeRoute } from "./deps.ts";

const createSchema = s.object({
  service: s.string({ minLength: 1, maxLength: 63 }),
  label: s.optional(s.string({ maxLength: 200, description: "What the key is used for." })),
  expires_at: s.optional(s.string({ format: "date-time", maxLength: 40 })),
  replaces: s.optional(
    s.string({ maxLength: 40, description: "Id of the key that this one replaces." }),
  ),
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
      query: { service: s.string({ maxLength: 63 }) },
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
        responses: { 201: { description: "The key with its secret.", schema: newKeySchema } },
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
            ...(body.expires_at === undefined ? {} : { expiresAt: instantOf(body.expires_at) }),
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
        responses: { 200: { description: "The revoked key.", schema: keySchema } },
      },
      async (administration, { params }) =>
        answered(deps, 200, await revokeKey(administration, params["id"] ?? "")),
    ),
  ];
}

/** Only with an offset: without one the time would be read in the server's time zone. */
const rfc3339 = /^\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)$/;

function instantOf(text: string): Date {
  const instant = new Date(text);
  if (!rfc3339.test(text) || Number.isNaN(instant.getTime())) {
    throw invalid("/expires_at", "must be RFC 3339 with an offset, e.g. 2027-01-31T00:00:00Z");
  }
  return instant;
}
