/**
 * Waits for workers: one that has read events of a set before they were deleted may still write what they mean. Also waits
 * for the recomputation of hours that the previous version of Weir had begun to erase.
 */
import type { Database } from "../../core/ports/database.ts";
import { advance, idsOf, type OpenRequest, steps } from "./open-requests.ts";

/** Whether any of the requests has nothing left to wait for. */
export async function passPages(
  database: Database,
  requests: readonly OpenRequest[],
): Promise<boolean> {
  await database.query({
    text: `update erasure.requests set last_page = coalesce((select max(id) from log.pages), 0)
           where id = any ($1::uuid[]) and last_page is null`,
    values: [idsOf(requests)],
  });
  const rows = await database.query<{ id: string }>({
    text: `select q.id from erasure.requests q
           where q.id = any ($1::uuid[]) and not exists (select from log.pages p where p.id <= q.last_page)
             and not exists (
               select from etl.window_runs r where r.requested_by = 'erasure' and r.state in ('queued', 'running'))`,
    values: [idsOf(requests)],
  });
  const passed = new Set(rows.map(({ id }) => id));
  if (passed.size === 0) return false;
  await advance(
    database,
    requests.filter(({ id }) => passed.has(id)),
    steps.pages,
  );
  return true;
}
