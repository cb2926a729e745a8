/**
 * The register of log readers, `log.readers`: who reads the raw log, and how far. Retention keeps every
 * day that a registered reader has yet to read.
 */
import type { Queryable, QueryOptions } from "../../core/ports/database.ts";

export interface LogReader {
  readonly name: string;
  /** A `pg_snapshot` as text. */
  readonly position: string;
  /** Events read since it was registered. */
  readonly events: number;
  readonly openPages: number;
  readonly registeredAt: Date;
  /** When it last moved or claimed, by PostgreSQL's clock; a running reader does at least every 5 s. */
  readonly heartbeatAt: Date;
  /** Since then, by the same clock; after it has stepped, by as much at least. */
  readonly silentMs: number;
}

/**
 * Adds a reader that begins with the oldest event kept, or with the events that are committed from now
 * on. One that is registered keeps its position; true when it was not.
 */
export async function registerReader(
  database: Queryable,
  name: string,
  from: "oldest" | "now" = "oldest",
): Promise<boolean> {
  const rows = await database.query({
    text: `insert into log.readers (name, position, read_at, since)
           select $1, case when $2 then '1:1:' else pg_current_snapshot() end,
             case when $2 then 'epoch' else clock_timestamp() end,
             case when $2 then '-infinity' else open.since end
           from log.open_days open on conflict do nothing returning name`,
    values: [name, from === "oldest"],
  });
  return rows.length === 1;
}

/** Adds a reader of the events received at or after an instant, oldest first. */
export async function registerReaderSince(
  database: Queryable,
  name: string,
  since: Date,
): Promise<void> {
  await database.query({
    text: `insert into log.readers (name, position, read_at, since) values ($1, '1:1:', 'epoch', $2)`,
    values: [name, since],
  });
}

/** Adds a reader at the position of another. @throws when there is no such reader */
export async function copyReader(database: Queryable, from: string, to: string): Promise<void> {
  const copied = await database.query({
    text: `insert into log.readers (name, position, read_at, since)
           select $2, position, read_at, since from log.readers where name = $1 returning name`,
    values: [from, to],
  });
  if (copied.length === 0) throw new Error(`no reader of the raw log is named ${from}`);
}

/**
 * Forgets a reader with its position and its claimed pages, so that retention no longer waits for it. What a
 * worker of it still holds is rolled back. False when no reader has that name.
 */
export async function unregisterReader(database: Queryable, name: string): Promise<boolean> {
  const rows = await database.query({
    text: "delete from log.readers where name = $1 returning name",
    values: [name],
  });
  return rows.length === 1;
}

interface ReaderRow {
  readonly name: string;
  readonly position: string;
  readonly events: string;
  readonly pages: number;
  readonly registered_at: Date;
  readonly heartbeat_at: Date;
  readonly silent_ms: number;
}

/** By name. */
export async function listReaders(
  database: Queryable,
  options: QueryOptions = {},
): Promise<LogReader[]> {
  const rows = await database.query<ReaderRow>(
    {
      text: `select name, position::text, events,
             (select count(*)::int from log.pages p where p.reader = r.name) as pages,
             registered_at, heartbeat_at,
             abs(extract(epoch from clock_timestamp() - heartbeat_at))::float8 * 1000 as silent_ms
           from log.readers r order by name`,
    },
    options,
  );
  return rows.map((row) => ({
    name: row.name,
    position: row.position,
    events: Number(row.events),
    openPages: row.pages,
    registeredAt: row.registered_at,
    heartbeatAt: row.heartbeat_at,
    silentMs: row.silent_ms,
  }));
}
