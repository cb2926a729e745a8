import type { Queryable } from "../../../core/ports/database.ts";

export interface SyncLag {
  readonly collection: string;
  /** Points that changed and are not in the store yet; counted up to 100,000. */
  readonly lagPoints: number;
  /** Since the store last had every point; 0 while it has. */
  readonly lagSeconds: number;
  /** Points copied so far, repetitions included. */
  readonly syncedPoints: number;
  readonly syncedAt: Date | undefined;
}

interface Row {
  readonly name: string;
  readonly lag: number;
  readonly seconds: number;
  readonly points: string;
  readonly synced_at: Date | null;
}

/**
 * The lag of each collection. Points of transactions that were in progress at the position and have committed
 * since are not counted: the feed returns them, but counting them costs as much as reading the feed.
 */
export async function readLag(database: Queryable, storeName: string): Promise<SyncLag[]> {
  const rows = await database.query<Row>({
    text: `select s.name, w.lag, s.points, s.synced_at,
             extract(epoch from clock_timestamp() - coalesce(s.caught_up_at, s.created_at))::float8 as seconds
           from vectors.sync_state s
           cross join lateral (select split_part(s.position, '/', 1)::pg_snapshot as since,
             nullif(split_part(s.position, '/', 4), '')::xid8 as last_changed,
             nullif(split_part(s.position, '/', 5), '')::uuid as last_id) at
           cross join lateral (select count(*)::int as lag from (
             select from vectors.points p
             where p.collection_id = s.collection_id and p.changed >= pg_snapshot_xmax(at.since)
               and (at.last_id is null or (p.changed, p.id) > (at.last_changed, at.last_id))
             limit 100000) waiting) w
           where s.store = $1 order by s.name`,
    values: [storeName],
  });
  return rows.map(({ name, lag, seconds, points, synced_at }) => ({
    collection: name,
    lagPoints: lag,
    lagSeconds: lag === 0 ? 0 : Math.max(0, seconds),
    syncedPoints: Number(points),
    syncedAt: synced_at ?? undefined,
  }));
}
