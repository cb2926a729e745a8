import type { Queryable } from "../../core/ports/database.ts";
import type { AuditPage } from "./schemas.ts";

/** An id. Its pattern keeps it within bigint. */
export const auditCursorPattern = "^[0-9]{1,18}$";

/** Newest first, one page of results; `cursor` fits `auditCursorPattern`. */
export async function readAuditLog(
  connection: Queryable,
  page: { readonly subject?: string; readonly cursor?: string; readonly limit: number },
): Promise<AuditPage> {
  const { subject = null, cursor, limit } = page;
  const rows = await connection.query<{
    id: string;
    at: Date;
    actor: string;
    action: string;
    subject: string;
    detail: Record<string, unknown>;
  }>({
    text: `select id::text as id, at, actor, action, subject, detail from auth.audit_log
           where ($1::bigint is null or id < $1) and ($2::text is null or subject = $2)
           order by audit_log.id desc limit $3`,
    values: [cursor ?? null, subject, limit + 1],
  });
  const entries = rows.slice(0, limit).map((row) => ({ ...row, at: row.at.toISOString() }));
  return { entries, next_cursor: rows.length > limit ? (entries.at(-1)?.id ?? null) : null };
}
