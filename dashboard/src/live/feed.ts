/** The rows of the live list: newest first, limited in number, unchanged while paused. */
import type { RawEvent } from "@weir/protocol";

export type FeedRow =
  | { readonly kind: "event"; readonly key: string; readonly event: RawEvent }
  /** The feed could not replay all missed events. */
  | { readonly kind: "gap"; readonly key: string; readonly reason: string };

export interface Feed {
  readonly rows: readonly FeedRow[];
  readonly paused: boolean;
  /** Arrived since the pause, newest first; also limited. */
  readonly held: readonly FeedRow[];
  /** The number of all rows that have arrived since the pause. */
  readonly heldCount: number;
  /** Events received since the page was opened. */
  readonly received: number;
}

/** The oldest rows beyond this number are dropped: a page left open overnight stays fast. */
export const maxRows = 400;

export const emptyFeed: Feed = { rows: [], paused: false, held: [], heldCount: 0, received: 0 };

/** @param arrived in the order of arrival, oldest first */
export function arrive(feed: Feed, arrived: readonly FeedRow[]): Feed {
  const fresh = withoutKnown(feed, arrived).reverse();
  if (fresh.length === 0) return feed;
  const received = feed.received + fresh.filter(({ kind }) => kind === "event").length;
  if (feed.paused) {
    const held = [...fresh, ...feed.held].slice(0, maxRows);
    return { ...feed, held, heldCount: feed.heldCount + fresh.length, received };
  }
  return { ...feed, rows: [...fresh, ...feed.rows].slice(0, maxRows), received };
}

/** Adds events from before the feed began, newest first, below those that have arrived since. */
export function fillBelow(feed: Feed, earlier: readonly RawEvent[]): Feed {
  const rows = withoutKnown(feed, earlier.map(eventRow));
  return rows.length === 0 ? feed : { ...feed, rows: [...feed.rows, ...rows].slice(0, maxRows) };
}

export function pause(feed: Feed): Feed {
  return feed.paused ? feed : { ...feed, paused: true };
}

/** Shows the rows that have arrived since the pause. */
export function resume(feed: Feed): Feed {
  if (!feed.paused) return feed;
  const rows = [...feed.held, ...feed.rows].slice(0, maxRows);
  return { ...feed, rows, paused: false, held: [], heldCount: 0 };
}

/** Empties the list for a new filter. The pause is kept. */
export function clear(feed: Feed): Feed {
  return { ...feed, rows: [], held: [], heldCount: 0 };
}

export function eventRow(event: RawEvent): FeedRow {
  // Ids are unique per service: two services may send the same one.
  return { kind: "event", key: `${event.source} ${event.event_id}`, event };
}

function withoutKnown(feed: Feed, rows: readonly FeedRow[]): FeedRow[] {
  const known = new Set<string>();
  for (const row of feed.rows) known.add(row.key);
  for (const row of feed.held) known.add(row.key);
  return rows.filter((row) => {
    if (known.has(row.key)) return false;
    known.add(row.key);
    return true;
  });
}
