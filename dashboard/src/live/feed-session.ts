/**
 * The live list while its screen is open: the rows of the socket, and the stored events below them.
 * The browser's functions come in as arguments.
 */
import type { RawEvent } from "@weir/protocol";
import { clear, eventRow, type Feed, type FeedRow, fillBelow } from "./feed.ts";
import { type Filter, frameFilter, matches } from "./filter.ts";
import { createLiveSocket, type LiveSocketOptions } from "./live-socket.ts";

interface FeedSessionOptions
  extends Pick<
    LiveSocketOptions,
    "origin" | "connect" | "after" | "random" | "findReason" | "onState"
  > {
  filter(): Filter;
  fetchEarlier(filter: Filter, signal: AbortSignal): Promise<RawEvent[]>;
  update(change: (feed: Feed) => Feed): void;
}

export interface FeedSession {
  /** The rows that have arrived since the last call. */
  take(): FeedRow[];
  connect(): void;
  setOnline(isOnline: boolean): void;
  /** The filter has changed: the list starts again with what matches it. */
  restart(): void;
  stop(): void;
}

/**
 * Which stored events the list has been filled with. Events accepted after the list was requested
 * and before the feed covers the filter would be in neither. So it is requested once the feed covers
 * the filter: from then on no event is left out. While disconnected it is requested without a feed.
 */
type Filled = "no" | "without the feed" | "up to the feed";

export function createFeedSession(options: FeedSessionOptions): FeedSession {
  const arrived: FeedRow[] = [];
  let filled: Filled = "no";
  let request = new AbortController();

  function fill(how: Filled) {
    request.abort();
    // The list was filled without the feed: what arrived in between belongs above those rows.
    if (filled === "without the feed") options.update(clear);
    filled = how;
    request = new AbortController();
    const { signal } = request;
    void options.fetchEarlier(options.filter(), signal).then((events) => {
      if (!signal.aborted) options.update((feed) => fillBelow(feed, events));
    });
  }

  const socket = createLiveSocket({
    ...options,
    filter: () => frameFilter(options.filter()),
    onState(state) {
      options.onState(state);
      const isCut = state.name === "waiting" || state.name === "offline";
      if (isCut && filled === "no") fill("without the feed");
    },
    onCovered() {
      if (filled !== "up to the feed") fill("up to the feed");
    },
    onEvent(event) {
      if (matches(options.filter(), event)) arrived.push(eventRow(event));
    },
    onGap: (cursor, reason) => arrived.push({ kind: "gap", key: `gap ${cursor}`, reason }),
  });

  return {
    take: () => arrived.splice(0),
    connect: () => socket.dispatch({ type: "start" }),
    setOnline: (isOnline) => socket.dispatch({ type: isOnline ? "online" : "offline" }),
    restart() {
      request.abort();
      arrived.splice(0);
      options.update(clear);
      filled = "no";
      if (!socket.sendFilter()) fill("without the feed");
    },
    stop() {
      request.abort();
      socket.dispatch({ type: "stop" });
    },
  };
}
