/**
 * Works on replays. Any number of workers, here and in other processes: a letter is taken by locking its
 * row, and its effects, its new state and the replay's progress are one transaction. So a worker that is
 * killed leaves nothing to clean up, and whoever is left goes on.
 */
import type { Database, Queryable } from "../../core/ports/database.ts";
import { createWake } from "../../timing/wake.ts";
import type { Replayed, Replayer, ReplayLetter } from "./ports.ts";
import { releaseLetters } from "./replays.ts";

export interface ReplayWorkerOptions {
  readonly database: Database;
  readonly replayers: readonly Replayer[];
  readonly onReplayed?: (letter: {
    readonly part: string;
    readonly reason: string | undefined;
  }) => void;
}

const letterTimeoutMs = 120_000;
const pauseMs = { first: 1_000, last: 30_000 } as const;
/** Other open replays are looked at too, when one is paused or in others' hands. */
const replaysAtOnce = 20;

interface Worker {
  /** Replays one letter; false when there was none to take. Rejects when PostgreSQL is away. */
  step(signal: AbortSignal): Promise<boolean>;
}

export function createReplayWorker(options: ReplayWorkerOptions): Worker {
  const { database } = options;
  const replayers = new Map(options.replayers.map((replayer) => [replayer.part, replayer]));

  async function step(signal: AbortSignal): Promise<boolean> {
    const open = await database.query<{ id: string }>({
      name: "dlq_open_replays",
      text: `select id from dlq.replays
             where state in ('queued', 'running') and (paused_until is null or paused_until <= clock_timestamp())
             order by id limit ${replaysAtOnce}`,
    });
    for (const { id } of open) {
      if (signal.aborted) return false;
      try {
        const outcome = await replayNext(id, signal);
        if (outcome !== undefined) {
          options.onReplayed?.(outcome);
          return true;
        }
        await end(id);
      } catch (error) {
        if (signal.aborted) return false;
        // whatever did not commit is as it was; the others' letters need not wait for it
        await pause(id, error);
      }
    }
    await releaseLetters(database);
    return false;
  }

  /** One letter in one transaction; undefined when nobody has left one. */
  function replayNext(replayId: string, signal: AbortSignal) {
    return database.transaction(
      async (connection) => {
        const [letter] = await connection.query<ReplayLetter>({
          name: "dlq_take_letter",
          text: `select id, part, source_key, source, original, edited, content_type, attempts
                 from dlq.letters where replay_id = $1 and state = 'replaying'
                 order by id limit 1 for update skip locked`,
          values: [replayId],
        });
        if (letter === undefined) return undefined;
        const replayed = await process(connection, letter, signal);
        // the part itself may have called dlq.add for it meanwhile: then it is open already
        const [resolved] = replayed.ok ? await resolve(connection, letter.id) : [];
        if (!replayed.ok) await reopen(connection, letter.id, replayed);
        await connection.query({
          name: "dlq_progress",
          text: `update dlq.replays
                 set state = case state when 'queued' then 'running' else state end,
                   started_at = coalesce(started_at, clock_timestamp()), done = done + $2, failed = failed + 1 - $2,
                   paused_until = null, pauses = 0, problem = null
                 where id = $1`,
          values: [replayId, resolved === undefined ? 0 : 1],
        });
        return { part: letter.part, reason: replayed.ok ? undefined : replayed.reason };
      },
      { timeoutMs: letterTimeoutMs },
    );
  }

  /** Of a letter that fails again no effect stays. Rejects with retryable errors only. */
  async function process(
    connection: Queryable,
    letter: ReplayLetter,
    signal: AbortSignal,
  ): Promise<Replayed> {
    const replayer = replayers.get(letter.part);
    if (replayer === undefined) {
      const error = `nobody here replays letters of the part "${letter.part}"`;
      return { ok: false, reason: "no_replayer", error };
    }
    await connection.query({ text: "savepoint replay" });
    let replayed: Replayed;
    try {
      replayed = await replayer.replay(connection, letter, signal);
    } catch (error) {
      if (signal.aborted || isRetryable(error)) throw error;
      replayed = { ok: false, reason: "replay_failed", error: messageOf(error) };
    }
    if (!replayed.ok) await connection.query({ text: "rollback to savepoint replay" });
    return replayed;
  }

  async function end(replayId: string): Promise<void> {
    await database.query({
      name: "dlq_end_replay",
      text: `update dlq.replays r
             set state = 'done', finished_at = clock_timestamp(), started_at = coalesce(started_at, clock_timestamp()),
               paused_until = null, problem = null
             where id = $1 and state in ('queued', 'running')
               and not exists (select from dlq.letters where replay_id = r.id and state = 'replaying')`,
      values: [replayId],
    });
  }

  async function pause(replayId: string, error: unknown): Promise<void> {
    await database.query({
      text: `update dlq.replays
             set pauses = pauses + 1, problem = left($2, 1000), paused_until = clock_timestamp()
               + least($4, $3 * 2.0 ^ least(pauses, 20)) * interval '1 millisecond'
             where id = $1 and state in ('queued', 'running')`,
      values: [replayId, messageOf(error), pauseMs.first, pauseMs.last],
    });
  }

  return { step };
}

function resolve(connection: Queryable, id: string): Promise<unknown[]> {
  return connection.query({
    name: "dlq_resolve",
    text: `update dlq.letters set state = 'resolved', resolved_at = clock_timestamp(), replay_id = null
           where id = $1 and state = 'replaying' returning 1 as one`,
    values: [id],
  });
}

async function reopen(
  connection: Queryable,
  id: string,
  failure: { readonly reason: string; readonly error: string },
): Promise<void> {
  await connection.query({
    name: "dlq_reopen",
    text: `update dlq.letters
           set state = 'open', replay_id = null, attempts = attempts + 1, last_at = clock_timestamp(),
             reason = left($2, 100), error = left($3, 4000)
           where id = $1`,
    values: [id, failure.reason, failure.error.replaceAll("\0", "")],
  });
}

function isRetryable(error: unknown): boolean {
  return (error as { readonly retryable?: unknown } | null)?.retryable === true;
}

function messageOf(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  return message.replaceAll("\0", "");
}

const pollMs = 1_000;
const awayMs = 2_000;

/** Runs until the signal aborts. `wake` may be called from outside when something was asked for. */
export async function runReplayWorker(
  worker: Worker,
  run: {
    readonly signal: AbortSignal;
    readonly subscribe: (wake: () => void) => () => void;
    readonly onError: (error: unknown) => void;
  },
): Promise<void> {
  const wake = createWake();
  const unsubscribe = run.subscribe(() => wake.wake());
  try {
    while (!run.signal.aborted) {
      try {
        if (!(await worker.step(run.signal))) await wake.wait(pollMs, run.signal);
      } catch (error) {
        if (run.signal.aborted) return;
        run.onError(error);
        await createWake().wait(awayMs, run.signal);
      }
    }
  } finally {
    unsubscribe();
  }
}
