/**
 * Limits the size of the raw log: creates the partitions of the next days, drops those that are older
 * than the retention, and rotates the generations of identities. The age of what is dropped counts by the
 * earliest that it can be (clock.earliest): no clock that jumps ahead drops anything.
 */
import { type Database, DatabaseError } from "../../core/ports/database.ts";
import type { Part } from "../../core/ports/part.ts";
import { pause } from "../../timing/pause.ts";

export interface RetentionOptions {
  /** As the owner of the tables. */
  readonly database: Database;
  readonly settings: {
    /** Days for which raw events are kept; their identities are kept at least as long. */
    readonly rawDays: number;
    readonly partitionsAhead: number;
  };
  /** What a round did, and why one failed: for the log. */
  readonly onRound?: (round: RetentionRound) => void;
  readonly onFailure?: (error: unknown) => void;
}

export interface RetentionRound {
  /** Names of dropped partitions. */
  readonly dropped: readonly string[];
  readonly rotatedIdentities: boolean;
  /** The log reader that has not read expired partitions yet, so that they are kept. */
  readonly heldBackBy: string | undefined;
}

export interface Retention extends Part {
  /** One round, for tests. */
  round(): Promise<RetentionRound>;
}

const intervalMs = 3_600_000;
/** After a lock that was not available, or a database that did not answer. */
const retryMs = 5_000;
const timeoutMs = 30_000;

/** Yesterday stays open: transactions that began before midnight, and clocks that are a little slow. */
const closeDays = {
  text: "select log.close_days((clock.trusted() at time zone 'UTC')::date - 1)",
} as const;
const expiredBefore = {
  text: "select clock.earliest() - make_interval(days => $1) as before",
} as const;
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

  async function call<Row>(
    statement: { readonly text: string },
    values: unknown[] = [],
  ): Promise<Row | undefined> {
    const [row] = await database.query<Row>({ ...statement, values }, { timeoutMs });
    return row;
  }

  async function round(): Promise<RetentionRound> {
    await call(prepareDays, [settings.partitionsAhead]);
    await call(closeDays);
    const expired = [(await call<{ before: Date }>(expiredBefore, [settings.rawDays]))?.before];
    const partitions = await call<{ dropped: string[] }>(dropPartitions, expired);
    const facts = await call<{ dropped: string[] }>(dropFacts, expired);
    const slowest = await call<{ reader: string }>(slowestReader, expired);
    const identities = await call<{ rotated: boolean }>(rotateIdentities, expired);
    return {
      dropped: [...(partitions?.dropped ?? []), ...(facts?.dropped ?? [])],
      rotatedIdentities: identities?.rotated ?? false,
      heldBackBy: slowest?.reader,
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
      problem = "the partitions of the raw log could not be maintained; retrying";
      // a lock that writers hold is expected under load
      if (error instanceof DatabaseError && error.code === "55P03") problem = undefined;
      return retryMs;
    }
  }

  return {
    name: "retention",
    round,
    problem: () => problem,
    async run(signal) {
      while (!signal.aborted) {
        await pause(await attempt(), signal);
      }
    },
  };
}
