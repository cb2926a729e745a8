/**
 * Runs replays, with any number of workers, in any number of processes. A worker takes a dead letter by locking its
 * row; the effects, the new state and the replay's progress are one transaction. So a killed worker leaves nothing to clean
 * up, and the other workers continue.
 */
import { messageOf } from "../../core/errors.ts";
import type { Database, Queryable } from "../../core/ports/database.ts";
import { pause } from "../../timing/pause.ts";
import { createWake } from "../../timing/wake.ts";
import type { DeadLetterToReplay, Replayed, Replayer } from "./ports.ts";
import { endReplay, pauseReplay, readOpenReplays, releaseDeadLetters } from "./replays.ts";

/** A dead letter that was replayed. */
export interface Outcome {
  readonly part: string;
  /** Why it failed again; undefined when it is resolved. */
  readonly reason: string | undefined;
}

/** Several processes replay dead letters, each those of the parts that it composes. */
export interface ReplayScope {
  /** Only of these parts. */
  readonly only?: readonly string[];
  /** Not of these parts, which another process replays. */
  readonly except?: readonly string[];
}

export interface ReplayWorkerOptions {
  readonly database: Database;
  readonly replayers: readonly Replayer[];
  /** Whose dead letters it takes; absent: all. */
  readonly scope?: ReplayScope;
  readonly onReplayed?: (outcome: Outcome) => void;
}

const transactionTimeoutMs = 120_000;

interface Worker {
  /** Replays one dead letter; false if there was none to take. Rejects while PostgreSQL is down. */
  step(signal: AbortSignal): Promise<boolean>;
}

export function createReplayWorker(options: ReplayWorkerOptions): Worker {
  const { database, onReplayed, scope = {} } = options;
  const replayers = new Map(options.replayers.map((replayer) => [replayer.part, replayer]));
  return {
    async step(signal) {
      for (const replayId of await readOpenReplays(database)) {
        if (signal.aborted) return false;
        try {
          const outcome = await replayNext({ database, replayers, replayId, scope }, signal);
          if (outcome !== undefined) {
            onReplayed?.(outcome);
            return true;
          }
          await endReplay(database, replayId);
        } catch (error) {
          if (signal.aborted) return false;
          // nothing was committed; other replays need not wait for this one
          await pauseReplay(database, replayId, withoutNul(messageOf(error)));
        }
      }
      await releaseDeadLetters(database);
      return false;
    },
  };
}

type Replayers = ReadonlyMap<string, Replayer>;

/** Replays one dead letter in one transaction; undefined if there is none that no other worker has. */
function replayNext(
  from: {
    readonly database: Database;
    readonly replayers: Replayers;
    readonly replayId: string;
    readonly scope: ReplayScope;
  },
  signal: AbortSignal,
): Promise<Outcome | undefined> {
  return from.database.transaction(
    async (connection) => {
      const letter = await lockNext(connection, from);
      if (letter === undefined) return undefined;
      const replayer = from.replayers.get(letter.part);
      const replayed =
        replayer === undefined
          ? noReplayer(letter)
          : await tryReplay(replayer, { connection, letter, signal });
      let isResolved = false;
      if (replayed.ok) isResolved = await resolve(connection, letter.id);
      else await reopen(connection, letter.id, replayed);
      await countProgress(connection, from.replayId, isResolved);
      return { part: letter.part, reason: replayed.ok ? undefined : replayed.reason };
    },
    { timeoutMs: transactionTimeoutMs },
  );
}

async function lockNext(
  connection: Queryable,
  { replayId, scope }: { readonly replayId: string; readonly scope: ReplayScope },
): Promise<DeadLetterToReplay | undefined> {
  const [letter] = await connection.query<DeadLetterToReplay>({
    name: "dlq_take_letter",
    text: `select id, part, source_key, source, original, edited, content_type, attempts
           from dlq.letters where replay_id = $1 and state = 'replaying'
             and ($2::text[] is null or part = any ($2)) and part <> all ($3::text[])
           order by id limit 1 for update skip locked`,
    values: [replayId, scope.only ?? null, scope.except ?? []],
  });
  return letter;
}

function noReplayer({ part }: DeadLetterToReplay): Replayed {
  const error = `no part here replays dead letters of "${part}"`;
  return { ok: false, reason: "no_replayer", error };
}

/** Rolls back the effects of a dead letter that fails again. Rejects with retryable errors only. */
async function tryReplay(
  replayer: Replayer,
  {
    connection,
    letter,
    signal,
  }: {
    readonly connection: Queryable;
    readonly letter: DeadLetterToReplay;
    readonly signal: AbortSignal;
  },
): Promise<Replayed> {
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

/** False if the part called `dlq.add` for the same dead letter meanwhile: then it is open already. */
async function resolve(connection: Queryable, id: string): Promise<boolean> {
  const resolved = await connection.query({
    name: "dlq_resolve",
    text: `update dlq.letters set state = 'resolved', resolved_at = clock.latest(), replay_id = null
           where id = $1 and state = 'replaying' returning 1 as one`,
    values: [id],
  });
  return resolved.length > 0;
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
    values: [id, failure.reason, withoutNul(failure.error)],
  });
}

async function countProgress(
  connection: Queryable,
  replayId: string,
  isResolved: boolean,
): Promise<void> {
  await connection.query({
    name: "dlq_progress",
    text: `update dlq.replays
           set state = case state when 'queued' then 'running' else state end,
             started_at = coalesce(started_at, clock_timestamp()), done = done + $2, failed = failed + 1 - $2,
             paused_until = null, pauses = 0, problem = null
           where id = $1`,
    values: [replayId, isResolved ? 1 : 0],
  });
}

function isRetryable(error: unknown): boolean {
  return (error as { readonly retryable?: unknown } | null)?.retryable === true;
}

/** PostgreSQL stores no NUL in a text. */
function withoutNul(text: string): string {
  return text.replaceAll("\0", "");
}

const pollMs = 1_000;
const afterErrorMs = 2_000;

/** Runs until the signal aborts. `subscribe` registers a function that is called when a replay was requested. */
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
        await pause(afterErrorMs, run.signal);
      }
    }
  } finally {
    unsubscribe();
  }
}
