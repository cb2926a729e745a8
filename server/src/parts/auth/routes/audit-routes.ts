import { schema as s } from "@weir/protocol";
import type { Route } from "../../../core/ports/route.ts";
import { readAuditLog } from "../audit-log.ts";
import { auditPageSchema } from "../schemas.ts";
import type { AuthDeps } from "./deps.ts";

export function auditRoutes(deps: AuthDeps): Route[] {
  return [
    {
      method: "GET",
      path: "/api/audit-log",
      view: "auth.audit_log",
      access: "permission",
      summary: "Who changed which key, service, role or permission, newest first",
      query: {
        subject: s.string({ maxLength: 63, description: "A service's or role's name." }),
        cursor: s.string({ maxLength: 20 }),
        limit: s.integer({ minimum: 1, maximum: 500, default: 100 }),
      },
      responses: { 200: { description: "A page.", schema: auditPageSchema } },
      handle: async ({ query }) => ({
        status: 200,
        body: await readAuditLog(
          deps.database,
          query as { subject?: string; cursor?: string; limit: number },
        ),
      }),
    },
  ];
}
