/** What the live list shows: newest first, bounded, and standing still while it is paused. */
import type { RawEvent } from "@weir/protocol";

export type FeedRow =
  | { readonly kind: "event"; readonly key: string; readonly event: RawEvent }
  /** The feed could not replay everything that was missed. */
  | { readonly kind: "gap"; readonly key: string; readonly reason: string };

export interface Feed {
  readonly rows: readonly FeedRow[];
  readonly paused: boolean;
  /** Arrived since the pause, newest first; also bounded. */
  readonly held: readonly FeedRow[];
  /** Arrived since the pause, all of them. */
  readonly heldCount: number;
  /** Events received since the page was opened. */
  readonly received: number;
}

/** Rows beyond this leave at the bottom: a page left open over night stays as quick as a new one. */
export const mostRows = 400;

export const emptyFeed: Feed = { rows: [], paused: false, held: [], heldCount: 0, received: 0 };

/** @param arrived in the order of arrival, oldest first */
export function arrive(feed: Feed, arrived: readonly FeedRow[]): Feed {
  const fresh = withoutKnown(feed, arrived).reverse();
  if (fresh.length === 0) return feed;
  const received = feed.received + fresh.filter(({ kind }) => kind === "event").length;
  if (feed.paused) {
    const held = [...fresh, ...feed.held].slice(0, mostRows);
    return { ...feed, held, heldCount: feed.heldCount + fresh.length, received };
  }
  return { ...feed, rows: [...fresh, ...feed.rows].slice(0, mostRows), received };
}

/** Events from before the feed began, newest first: they go below what has come in since. */
export function fillBelow(feed: Feed, earlier: readonly RawEvent[]): Feed {
  const rows = withoutKnown(feed, earlier.map(eventRow));
  return rows.length === 0 ? feed : { ...feed, rows: [...feed.rows, ...rows].slice(0, mostRows) };
}

export function pause(feed: Feed): Feed {
  return feed.paused ? feed : { ...feed, paused: true };
}

/** Shows what was held back. */
export function resume(feed: Feed): Feed {
  if (!feed.paused) return feed;
  const rows = [...feed.held, ...feed.rows].slice(0, mostRows);
  return { ...feed, rows, paused: false, held: [], heldCount: 0 };
}

/** An empty list that goes on as it was, paused or not: the filter has changed. */
export function clear(feed: Feed): Feed {
  return { ...feed, rows: [], held: [], heldCount: 0 };
}

export function eventRow(event: RawEvent): FeedRow {
  // An id is the sender's: two services may send the same.
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
