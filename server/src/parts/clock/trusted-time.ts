import type { Queryable } from "../../core/ports/database.ts";

export interface TrustedTime {
  /** As of the last tick. */
  readonly trusted: Date;
  readonly postgresql: Date;
  /** See clock.state; null while the clocks agree. */
  readonly kind: string | null;
}

export async function readTrustedTime(database: Queryable): Promise<TrustedTime> {
  const [row] = await database.query<TrustedTime>({
    text: "select trusted, clock_timestamp() as postgresql, kind from clock.state",
  });
  if (row === undefined) throw new Error("the database has no trusted time");
  return row;
}

/** Believes PostgreSQL's clock from now on. */
export async function confirmClock(
  database: Queryable,
): Promise<{ readonly before: Date; readonly after: Date }> {
  const [row] = await database.query<{ before: Date; after: Date }>({
    text: "select clock.confirm() as before, clock_timestamp() as after",
  });
  if (row === undefined) throw new Error("the database has no trusted time");
  return row;
}
