/**
 * Fixes the set of events that an erasure covers. With `allow` the request itself has done it. With `block` every event
 * that was accepted before the block took effect belongs to it: groups that were being written when the block was
 * committed may not have seen it, and they hold a lock on the identities (see raw.append). When these
 * transactions have ended, what is visible is the set, and no event follows.
 */
import type { Database } from "../../core/ports/database.ts";
import { advance, type OpenRequest, steps } from "./open-requests.ts";

const writers = `
  select distinct virtualtransaction from pg_locks
  where database = (select oid from pg_database where datname = current_database())
    and relation in ('raw.identities'::regclass, 'raw.identities_before'::regclass)
    and mode = 'RowExclusiveLock' and granted`;

export interface SetFixer {
  /** Whether any of the requests has a fixed set now. */
  step(requests: readonly OpenRequest[]): Promise<boolean>;
}

export function createSetFixer(database: Database): SetFixer {
  /** Writers that may not have seen the block, by request. */
  const awaited = new Map<string, readonly string[]>();

  async function isReady(request: OpenRequest): Promise<boolean> {
    if (request.seen !== null || request.after_request === "allow") return true;
    const current = (await database.query<{ virtualtransaction: string }>({ text: writers })).map(
      ({ virtualtransaction }) => virtualtransaction,
    );
    const before = awaited.get(request.id) ?? current;
    const left = before.filter((writer) => current.includes(writer));
    awaited.set(request.id, left);
    return left.length === 0;
  }

  return {
    async step(requests) {
      const ready: OpenRequest[] = [];
      for (const request of requests) if (await isReady(request)) ready.push(request);
      if (ready.length === 0) return false;
      for (const { id } of ready) awaited.delete(id);
      await database.query({
        text: `update erasure.requests q set seen = pg_current_snapshot(), seen_since = o.since
               from log.open_days o where q.id = any ($1::uuid[]) and q.seen is null`,
        values: [ready.map(({ id }) => id)],
      });
      await advance(database, ready, steps.fixed);
      return true;
    },
  };
}
