/**
 * Keeps the raw log in bounds: makes the partitions of the coming days, drops those older than the
 * retention, and turns the generations of identities.
 */
import { setTimeout as wait } from "node:timers/promises";
import { type Database, DatabaseError } from "../../core/ports/database.ts";
import type { Part } from "../../core/ports/part.ts";

export interface RetentionOptions {
  /** As the owner of the tables. */
  readonly database: Database;
  readonly settings: {
    /** Raw events are kept for that many days; their identities at least as long. */
    readonly rawDays: number;
    readonly partitionsAhead: number;
  };
  /** Milliseconds since 1970. */
  readonly now: () => number;
  /** Told what was done, and what could not be: for the log. */
  readonly onRound?: (round: RetentionRound) => void;
  readonly onFailure?: (error: unknown) => void;
}

export interface RetentionRound {
  /** Names of dropped partitions. */
  readonly dropped: readonly string[];
  readonly rotatedIdentities: boolean;
  /** The reader for whom expired partitions are still kept, because it has not read them. */
  readonly heldBackBy: string | undefined;
}

export interface Retention extends Part {
  /** One round, for start-up and tests. */
  round(): Promise<RetentionRound>;
}

const dayMs = 86_400_000;
const intervalMs = 3_600_000;
/** After a lock that was not to be had, or a database that was not there. */
const againMs = 5_000;
const timeoutMs = 30_000;

/** Yesterday stays open: transactions that began before midnight, and clocks that are a little slow. */
const closeDays = { text: "select log.close_days((now() at time zone 'UTC')::date - 1)" } as const;
const dropPartitions = {
  text: "select raw.drop_partitions(least($1, log.needed_since())) as dropped",
} as const;
const slowestReader = {
  text: `select name as reader from log.readers where exists (select from raw.partitions_before($1))
    order by log.since(position, since) limit 1`,
} as const;
const prepareDays = { text: "select raw.prepare_days($1)" } as const;
const dropFacts = { text: "select etl.drop_facts($1) as dropped" } as const;
const rotateIdentities = { text: "select raw.rotate_identities($1) as rotated" } as const;

export function createRetention(options: RetentionOptions): Retention {
  const { database, settings } = options;
  let problem: string | undefined;

  async function round(): Promise<RetentionRound> {
    await database.query({ ...prepareDays, values: [settings.partitionsAhead] }, { timeoutMs });
    await database.query(closeDays, { timeoutMs });
    const expired = new Date(options.now() - settings.rawDays * dayMs);
    const values = [expired];
    const [drop] = await database.query<{ dropped: string[] }>(
      { ...dropPartitions, values },
      { timeoutMs },
    );
    const [facts] = await database.query<{ dropped: string[] }>(
      { ...dropFacts, values },
      { timeoutMs },
    );
    const [left] = await database.query<{ reader: string }>(
      { ...slowestReader, values },
      { timeoutMs },
    );
    const [turn] = await database.query<{ rotated: boolean }>(
      { ...rotateIdentities, values },
      { timeoutMs },
    );
    return {
      dropped: [...(drop?.dropped ?? []), ...(facts?.dropped ?? [])],
      rotatedIdentities: turn?.rotated ?? false,
      heldBackBy: left?.reader,
    };
  }

  async function attempt(): Promise<number> {
    try {
      const done = await round();
      problem =
        done.heldBackBy === undefined
          ? undefined
          : `expired raw events are kept for the reader "${done.heldBackBy}", which has not read them`;
      options.onRound?.(done);
      return intervalMs;
    } catch (error) {
      options.onFailure?.(error);
      problem = "the raw log's partitions could not be looked after; trying again";
      // a lock refused is no trouble: writers were busy
      if (error instanceof DatabaseError && error.code === "55P03") problem = undefined;
      return againMs;
    }
  }

  return {
    name: "retention",
    round,
    problem: () => problem,
    async run(signal) {
      while (!signal.aborted) {
        const pause = await attempt();
        await wait(pause, undefined, { signal }).catch(() => {});
      }
    },
  };
}
