import type { Queryable } from "../../../core/ports/database.ts";

export interface DeliveryLag {
  readonly collection: string;
  /** Points that changed and are not there yet; counted up to 100,000. */
  readonly lagPoints: number;
  /** Since the store last had everything; 0 while it has. */
  readonly lagSeconds: number;
  /** So far, repetitions included. */
  readonly deliveredPoints: number;
  readonly deliveredAt: Date | undefined;
}

interface Row {
  readonly name: string;
  readonly lag: number;
  readonly seconds: number;
  readonly points: string;
  readonly delivered_at: Date | null;
}

/**
 * Transactions that were under way at the position and have ended since are left out: the feed delivers
 * them, but to count them costs as much as reading the feed.
 */
export async function readLag(database: Queryable, storeName: string): Promise<DeliveryLag[]> {
  const rows = await database.query<Row>({
    text: `select d.name, w.lag, d.points, d.delivered_at,
             extract(epoch from clock_timestamp() - coalesce(d.caught_up_at, d.created_at))::float8 as seconds
           from vectors.deliveries d
           cross join lateral (select split_part(d.position, '/', 1)::pg_snapshot as since,
             nullif(split_part(d.position, '/', 4), '')::xid8 as last_changed,
             nullif(split_part(d.position, '/', 5), '')::uuid as last_id) at
           cross join lateral (select count(*)::int as lag from (
             select from vectors.points p
             where p.collection_id = d.collection_id and p.changed >= pg_snapshot_xmax(at.since)
               and (at.last_id is null or (p.changed, p.id) > (at.last_changed, at.last_id))
             limit 100000) waiting) w
           where d.store = $1 order by d.name`,
    values: [storeName],
  });
  return rows.map(({ name, lag, seconds, points, delivered_at }) => ({
    collection: name,
    lagPoints: lag,
    lagSeconds: lag === 0 ? 0 : Math.max(0, seconds),
    deliveredPoints: Number(points),
    deliveredAt: delivered_at ?? undefined,
  }));
}
