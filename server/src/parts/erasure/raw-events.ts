/**
 * Deletes the raw events of all requests in one pass over the log. There is no index by user: a day is read from start to
 * end, a few megabytes at a time, and what is found is deleted in small transactions, because each holds the
 * position of the windows. Reading is fast and deleting is not, so requests that arrive while the events of a heavy user are
 * deleted get a pass of their own at once.
 */
import { type Database, DatabaseError } from "../../core/ports/database.ts";
import { pause } from "../../timing/pause.ts";
import { advance, idsOf, type OpenRequest, steps } from "./open-requests.ts";

/** 8 MiB. */
const blocksAtOnce = 1_024;
/** Some 50 ms. */
const eventsAtOnce = 5_000;
const sliceTimeoutMs = 120_000;
const undefinedTable = "42P01";

export interface RawPass {
  readonly database: Database;
  readonly signal: AbortSignal;
  /** Requests whose set of events is fixed by now. */
  readonly arrived: () => Promise<readonly OpenRequest[]>;
}

export async function eraseRawEvents(
  { database, signal, arrived }: RawPass,
  requests: readonly OpenRequest[],
): Promise<void> {
  const pass = oneOfEachUser(requests);
  const users = new Set(requests.map(({ user_hash: user }) => user));
  const eraseArrived = async () => {
    const others = (await arrived()).filter(({ user_hash: user }) => !users.has(user));
    if (others.length === 0) return;
    await eraseRawEvents({ database, signal, arrived: async () => [] }, others);
  };
  const days = await database.query<{ day: string }>({
    text: "select inhrelid::regclass::text as day from pg_inherits where inhparent = 'raw.events'::regclass order by 1",
  });
  for (const { day } of days) {
    try {
      await eraseDay({ database, ids: idsOf(pass), day, signal, between: eraseArrived });
    } catch (error) {
      // retention has dropped the day
      if (!(error instanceof DatabaseError && error.code === undefinedTable)) throw error;
    }
  }
  await advance(database, pass, steps.raw);
}

/** A second request of a user covers what arrived since the first: it takes its turn after it. */
function oneOfEachUser(requests: readonly OpenRequest[]): readonly OpenRequest[] {
  const oldest = new Map<string, OpenRequest>();
  for (const request of requests) {
    if (!oldest.has(request.user_hash)) oldest.set(request.user_hash, request);
  }
  return [...oldest.values()];
}

async function eraseDay({
  database,
  ids,
  day,
  signal,
  between,
}: {
  readonly database: Database;
  readonly ids: readonly string[];
  readonly day: string;
  readonly signal: AbortSignal;
  readonly between: () => Promise<void>;
}): Promise<void> {
  const [size] = await database.query<{ blocks: string }>({
    text: "select pg_relation_size($1::regclass) / current_setting('block_size')::bigint as blocks",
    values: [day],
  });
  const blocks = Number(size?.blocks ?? 0);
  for (let from = 0; from < blocks; from += blocksAtOnce) {
    let erased: number;
    do {
      signal.throwIfAborted();
      const started = performance.now();
      const [slice] = await database.query<{ erased: number }>(
        {
          text: "select erasure.erase_blocks($1::uuid[], $2::regclass, $3, $4, $5) as erased",
          values: [ids, day, from, from + blocksAtOnce, eventsAtOnce],
        },
        { timeoutMs: sliceTimeoutMs },
      );
      erased = slice?.erased ?? 0;
      if (erased === 0) break;
      // the ETL, which may wait for the position, has its turn
      await pause(performance.now() - started, signal);
      await between();
    } while (erased === eventsAtOnce);
  }
}
