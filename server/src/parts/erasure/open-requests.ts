/** Requests that are not finished, and how far each is. */
import type { Database } from "../../core/ports/database.ts";

/**
 * Steps that a request has completed. Each step can be repeated, so a crash in between changes nothing:
 * the set of events is fixed, their raw rows are gone, their analytics have no name any more, the windows are
 * correct without them, no worker holds them.
 */
export const steps = { none: 0, fixed: 1, raw: 2, separated: 3, analytics: 4, pages: 5 } as const;

/** What a request in each step does next, as it shows it. */
const stageOf: readonly string[] = [
  "events in flight",
  "raw events",
  "raw events",
  "windows",
  "pages in progress",
  "dead letters and vectors",
];

export interface OpenRequest {
  readonly id: string;
  readonly user_key: string;
  /** Hex. */
  readonly user_hash: string;
  readonly after_request: "block" | "allow";
  readonly step: number;
  readonly analytics_user: number | null;
  /** Deleted so far. */
  readonly raw_events: number;
  /** Null until the set of events is fixed; as PostgreSQL writes it, like `seen_since`. */
  readonly seen: string | null;
  readonly seen_since: string | null;
}

/** More wait for their turn. */
const mostAtOnce = 500;

export async function readOpenRequests(database: Database): Promise<readonly OpenRequest[]> {
  return database.query<OpenRequest>({
    text: `select id, user_key, encode(user_hash, 'hex') as user_hash, after_request, step, analytics_user,
             raw_events::float8 as raw_events, seen::text, seen_since::text
           from erasure.requests where state <> 'done' and user_key is not null
           order by step, requested_at, id limit ${mostAtOnce}`,
  });
}

/** Records that the requests have completed a step. */
export async function advance(
  database: Database,
  requests: readonly OpenRequest[],
  step: number,
): Promise<void> {
  await database.query({
    text: `update erasure.requests set state = 'running', step = $2, stage = $3, error = null
           where id = any ($1::uuid[]) and step < $2 and state <> 'done'`,
    values: [idsOf(requests), step, stageOf[step]],
  });
}

export async function recordError(
  database: Database,
  requests: readonly OpenRequest[],
  error: string,
): Promise<void> {
  await database.query({
    text: "update erasure.requests set error = $2 where id = any ($1::uuid[]) and state <> 'done'",
    values: [idsOf(requests), error],
  });
}

export function idsOf(requests: readonly OpenRequest[]): readonly string[] {
  return requests.map(({ id }) => id);
}
