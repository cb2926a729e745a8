import { userInfo } from "node:os";
import type { Database } from "../../core/ports/database.ts";
import { writeAudit } from "../../parts/auth/administration.ts";
import type { Change } from "../../parts/dlq/ports.ts";

/** A change by the person at the terminal. */
export function changeIn(database: Database): Change {
  return { database, actor: `cli:${userInfo().username}`, audit: writeAudit };
}
