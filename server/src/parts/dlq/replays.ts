/** Replays: background jobs that let parts process dead letters again. Requested here, run by the part `dlq`. */

import { WeirError } from "../../core/errors.ts";
import type { Queryable } from "../../core/ports/database.ts";
import { validId } from "./dead-letters.ts";
import { type DeadLetterFilter, filterValues, matchesFilter } from "./filter.ts";
import type { Change } from "./ports.ts";
import type { Replay } from "./schemas.ts";

export const replayChannel = "weir_dlq";

const replayColumns = `id, state, filter, requested_by, total, done, failed, requested_at, started_at,
  finished_at, paused_until, problem`;

interface ReplayRow
  extends Omit<Replay, "requested_at" | "started_at" | "finished_at" | "paused_until"> {
  readonly requested_at: Date;
  readonly started_at: Date | null;
  readonly finished_at: Date | null;
  readonly paused_until: Date | null;
}

/**
 * Replays the dead letters that match now and are open (or discarded, if the filter says so). A dead letter belongs
 * to one replay at most: a second request does not get it.
 */
export async function requestReplay(
  { database, actor, audit }: Change,
  filter: DeadLetterFilter,
): Promise<Replay> {
  const replay = await database.transaction(
    async (connection) => {
      const [job] = await connection.query<{ id: string }>({
        text: "insert into dlq.replays (filter, requested_by) values ($1, $2) returning id",
        values: [JSON.stringify(filter), actor],
      });
      if (job === undefined) throw new Error("the insert into dlq.replays returned no row");
      const state = filter.state === "discarded" ? "discarded" : "open";
      const [taken] = await connection.query<{ letters: number }>({
        text: `with taken as (
                 update dlq.letters l set state = 'replaying', resolved_at = null, replay_id = $8
                 where ${matchesFilter} returning 1)
               select count(*)::int as letters from taken`,
        values: [...filterValues({ ...filter, state }), job.id],
      });
      const letters = taken?.letters ?? 0;
      await connection.query({
        text: "update dlq.replays set total = $2 where id = $1",
        values: [job.id, letters],
      });
      await audit(connection, {
        actor,
        action: "dlq.replay",
        subject: `replay:${job.id}`,
        detail: { filter, letters },
      });
      return readReplay(connection, job.id);
    },
    { timeoutMs: 300_000 },
  );
  await database.query({ text: `notify ${replayChannel}` });
  return replay;
}

/** @throws WeirError `not_found` */
export async function readReplay(connection: Queryable, id: string): Promise<Replay> {
  const [row] = await connection.query<ReplayRow>({
    text: `select ${replayColumns} from dlq.replays where id = $1`,
    values: [validId(id)],
  });
  if (row === undefined) {
    throw new WeirError("not_found", { detail: `there is no replay "${id.slice(0, 80)}"` });
  }
  return toReplay(row);
}

/** Newest first. */
export async function listReplays(connection: Queryable, limit: number): Promise<Replay[]> {
  const rows = await connection.query<ReplayRow>({
    text: `select ${replayColumns} from dlq.replays order by id desc limit $1`,
    values: [limit],
  });
  return rows.map(toReplay);
}

/** Dead letters that were not replayed yet are open again; one in progress is still completed. */
export async function cancelReplay(
  { database, actor, audit }: Change,
  id: string,
): Promise<Replay> {
  return database.transaction(async (connection) => {
    const [job] = await connection.query<{ id: string }>({
      text: `update dlq.replays set state = 'cancelled', finished_at = clock.latest()
             where id = $1 and state in ('queued', 'running') returning id`,
      values: [validId(id)],
    });
    if (job !== undefined) {
      await releaseDeadLetters(connection);
      await audit(connection, { actor, action: "dlq.cancel", subject: `replay:${id}`, detail: {} });
    }
    return readReplay(connection, id);
  });
}

/** Opens dead letters whose replay has ended. Skips those that a worker has locked. */
export async function releaseDeadLetters(connection: Queryable): Promise<void> {
  await connection.query({
    text: `update dlq.letters set state = 'open', replay_id = null
           where id in (
             select l.id from dlq.letters l join dlq.replays r on r.id = l.replay_id
             where l.state = 'replaying' and r.state in ('done', 'cancelled')
             for update of l skip locked)`,
  });
}

/** The first pause of a replay, and the longest. */
const pauseMs = { first: 1_000, last: 30_000 } as const;

/** More than one, because another replay can continue while one is paused or in the hands of other workers. */
const replaysAtOnce = 20;

/** Ids of replays that are not paused, oldest first. */
export async function readOpenReplays(connection: Queryable): Promise<readonly string[]> {
  const rows = await connection.query<{ id: string }>({
    name: "dlq_open_replays",
    text: `select id from dlq.replays
           where state in ('queued', 'running')
             -- a later end was set before the clock stepped back
             and (paused_until is null or paused_until not between clock_timestamp()
               and clock_timestamp() + ${pauseMs.last} * interval '1 millisecond')
           order by id limit ${replaysAtOnce}`,
  });
  return rows.map(({ id }) => id);
}

/** Ends the replay if all of its dead letters have been replayed. */
export async function endReplay(connection: Queryable, id: string): Promise<void> {
  await connection.query({
    name: "dlq_end_replay",
    text: `update dlq.replays r
           set state = 'done', finished_at = clock.latest(), started_at = coalesce(started_at, clock_timestamp()),
             paused_until = null, problem = null
           where id = $1 and state in ('queued', 'running')
             and not exists (select from dlq.letters where replay_id = r.id and state = 'replaying')`,
    values: [id],
  });
}

/** Each pause in a row is twice as long as the one before. */
export async function pauseReplay(
  connection: Queryable,
  id: string,
  problem: string,
): Promise<void> {
  await connection.query({
    text: `update dlq.replays
           set pauses = pauses + 1, problem = left($2, 1000), paused_until = clock_timestamp()
             + least($4, $3 * 2.0 ^ least(pauses, 20)) * interval '1 millisecond'
           where id = $1 and state in ('queued', 'running')`,
    values: [id, problem, pauseMs.first, pauseMs.last],
  });
}

function toReplay(row: ReplayRow): Replay {
  return {
    ...row,
    requested_at: row.requested_at.toISOString(),
    started_at: row.started_at?.toISOString() ?? null,
    finished_at: row.finished_at?.toISOString() ?? null,
    paused_until: row.paused_until?.toISOString() ?? null,
  };
}
