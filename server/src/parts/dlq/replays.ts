/** Jobs that give letters back to their parts: asked for here, worked on by the part `dlq`. */

import { WeirError } from "../../core/errors.ts";
import type { Queryable } from "../../core/ports/database.ts";
import { filterValues, type LetterFilter, matchesFilter } from "./filter.ts";
import { type Change, knownForm } from "./letters.ts";
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
 * Takes the letters of now that match and are open (or discarded, when the filter says so). A letter
 * belongs to one replay at most: whoever asks a second time finds it taken.
 */
export async function requestReplay(
  { database, actor, audit }: Change,
  filter: LetterFilter,
): Promise<Replay> {
  const replay = await database.transaction(
    async (connection) => {
      const [job] = await connection.query<{ id: string }>({
        text: "insert into dlq.replays (filter, requested_by) values ($1, $2) returning id",
        values: [JSON.stringify(filter), actor],
      });
      if (job === undefined) throw new Error("dlq.replays took no row.");
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
    values: [knownForm(id)],
  });
  if (row === undefined) {
    throw new WeirError("not_found", { detail: `there is no replay "${id.slice(0, 80)}"` });
  }
  return asReplay(row);
}

/** The newest first. */
export async function listReplays(connection: Queryable, limit: number): Promise<Replay[]> {
  const rows = await connection.query<ReplayRow>({
    text: `select ${replayColumns} from dlq.replays order by id desc limit $1`,
    values: [limit],
  });
  return rows.map(asReplay);
}

/** Letters that were not replayed yet are open again; one that is under way at this moment still ends. */
export async function cancelReplay(
  { database, actor, audit }: Change,
  id: string,
): Promise<Replay> {
  return database.transaction(async (connection) => {
    const [job] = await connection.query<{ id: string }>({
      text: `update dlq.replays set state = 'cancelled', finished_at = clock_timestamp()
             where id = $1 and state in ('queued', 'running') returning id`,
      values: [knownForm(id)],
    });
    if (job !== undefined) {
      await releaseLetters(connection);
      await audit(connection, { actor, action: "dlq.cancel", subject: `replay:${id}`, detail: {} });
    }
    return readReplay(connection, id);
  });
}

/** Gives back what belongs to a replay that has ended. Passes over letters that are in somebody's hand. */
export async function releaseLetters(connection: Queryable): Promise<void> {
  await connection.query({
    text: `update dlq.letters set state = 'open', replay_id = null
           where id in (
             select l.id from dlq.letters l join dlq.replays r on r.id = l.replay_id
             where l.state = 'replaying' and r.state in ('done', 'cancelled')
             for update of l skip locked)`,
  });
}

function asReplay(row: ReplayRow): Replay {
  return {
    ...row,
    requested_at: row.requested_at.toISOString(),
    started_at: row.started_at?.toISOString() ?? null,
    finished_at: row.finished_at?.toISOString() ?? null,
    paused_until: row.paused_until?.toISOString() ?? null,
  };
}
