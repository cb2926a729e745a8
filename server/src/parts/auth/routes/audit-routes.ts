import { schema as s } from "@weir/protocol";
import type { Route } from "../../../core/ports/route.ts";
import { auditCursorPattern, readAuditLog } from "../audit-log.ts";
import { auditPageSchema, serviceName } from "../schemas.ts";
import type { AuthDeps } from "./deps.ts";

export function auditRoutes(deps: AuthDeps): Route[] {
  return [
    {
      method: "GET",
      path: "/api/audit-log",
      view: "auth.audit_log",
      access: "permission",
      summary: "Changes of keys, services, roles and permissions, newest first.",
      query: {
        subject: { ...serviceName, description: "Name of a service or role." },
        cursor: s.string({
          pattern: auditCursorPattern,
          "x-expects": "the next_cursor of the previous page of results, unchanged",
        }),
        limit: s.integer({ minimum: 1, maximum: 500, default: 100 }),
      },
      responses: { 200: { description: "A page of results.", schema: auditPageSchema } },
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
