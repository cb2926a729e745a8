"use client";
import type { EventPage, RawEvent } from "@weir/protocol";
import { useCallback, useEffect, useMemo, useRef, useState } from "react";
import { useSession } from "../data/data-context.tsx";
import { addressOf, requestJson } from "../data/request.ts";
import type { SessionStore } from "../data/session-store.ts";
import type { ConnectionState, StopReason } from "./connection-state.ts";
import {
  arrive,
  clear,
  emptyFeed,
  eventRow,
  type Feed,
  type FeedRow,
  fillBelow,
  pause,
  resume,
} from "./feed.ts";
import { type Filter, frameFilter, matches } from "./filter.ts";
import { emptyFlow, type Flow, flowAt } from "./flow.ts";
import { createLiveSocket } from "./live-socket.ts";

export const feedPermission = "live.get.event_feed";
/** Ten times a second is live to the eye, and a burst of thousands is still one drawing. */
const drawMs = 100;
const earlierEvents = 50;

export interface LiveFeed {
  readonly feed: Feed;
  readonly flow: Flow;
  readonly connection: ConnectionState;
  pause(): void;
  resume(): void;
  reconnect(): void;
}

/** The live feed as the screen shows it: connected while it is looked at, drawn in steps. */
export function useLiveFeed(filter: Filter): LiveFeed {
  const { store } = useSession();
  const [feed, setFeed] = useState(emptyFeed);
  const [flow, setFlow] = useState(() => emptyFlow(secondNow()));
  const [connection, setConnection] = useState<ConnectionState>({ name: "idle" });
  const latest = useRef(filter);
  const link = useRef<Link | undefined>(undefined);

  useEffect(() => {
    const arrived: FeedRow[] = [];
    let filled: Filled = "not yet";
    let asked = new AbortController();
    const fill = (how: Filled) => {
      asked.abort();
      // Asked for anew: what came in between belongs above what stands there.
      if (filled === "without the feed") setFeed(clear);
      filled = how;
      asked = new AbortController();
      const { signal } = asked;
      void earlier(latest.current, signal).then((events) => {
        if (!signal.aborted) setFeed((feed) => fillBelow(feed, events));
      });
    };
    const live = createLiveSocket({
      origin: window.location.origin.replace(/^http/, "ws"),
      filter: () => frameFilter(latest.current),
      connect: (address) => new WebSocket(address),
      after(ms, run) {
        const timer = setTimeout(run, ms);
        return () => clearTimeout(timer);
      },
      random: Math.random,
      askWhy: () => whyRefused(store),
      onState(state) {
        setConnection(state);
        const isCut = state.name === "waiting" || state.name === "offline";
        if (isCut && filled === "not yet") fill("without the feed");
      },
      onCovered() {
        if (filled !== "up to the feed") fill("up to the feed");
      },
      onEvent(event) {
        if (matches(latest.current, event)) arrived.push(eventRow(event));
      },
      onGap: (cursor, reason) => arrived.push({ kind: "gap", key: `gap ${cursor}`, reason }),
    });
    link.current = {
      reconnect: () => live.tell({ type: "start" }),
      filterAnew() {
        asked.abort();
        arrived.splice(0);
        setFeed(clear);
        filled = "not yet";
        if (!live.sendFilter()) fill("without the feed");
      },
    };
    const draw = setInterval(() => {
      const rows = arrived.splice(0);
      const events = rows.filter(({ kind }) => kind === "event").length;
      setFlow((flow) => flowAt(flow, secondNow(), events));
      if (rows.length > 0) setFeed((feed) => arrive(feed, rows));
    }, drawMs);
    const online = () => live.tell({ type: "online" });
    const offline = () => live.tell({ type: "offline" });
    window.addEventListener("online", online);
    window.addEventListener("offline", offline);
    live.tell({ type: "start" });
    return () => {
      asked.abort();
      live.tell({ type: "stop" });
      clearInterval(draw);
      window.removeEventListener("online", online);
      window.removeEventListener("offline", offline);
    };
  }, [store]);

  useEffect(() => {
    if (latest.current === filter) return;
    latest.current = filter;
    link.current?.filterAnew();
  }, [filter]);

  const actions = useMemo(
    () => ({
      pause: () => setFeed(pause),
      resume: () => setFeed(resume),
    }),
    [],
  );
  const reconnect = useCallback(() => link.current?.reconnect(), []);
  return { feed, flow, connection, ...actions, reconnect };
}

/** What the hook asks of the feed that its effect keeps. */
interface Link {
  reconnect(): void;
  /** The filter has changed: all that stands there goes, and what passes it now comes. */
  filterAnew(): void;
}

/**
 * How far the list is filled with what was before. Events that are accepted after the list was asked
 * for and before the feed covers the filter would be in neither, so it is asked for after that: from there on a
 * cursor leaves nothing out. Where no feed can be had, it is asked for without one.
 */
type Filled = "not yet" | "without the feed" | "up to the feed";

function secondNow(): number {
  return Math.floor(performance.now() / 1_000);
}

/** The newest events from before, so that the page is not empty; without them it just is. */
async function earlier(filter: Filter, signal: AbortSignal): Promise<RawEvent[]> {
  // The search takes one value a field; with several, the list fills by itself.
  if (filter.event_type.length > 1 || filter.source.length > 1) return [];
  const address = addressOf("/api/events", {
    event_type: filter.event_type[0],
    source: filter.source[0],
    user_id: filter.user_id[0],
    product_id: filter.product_id[0],
    limit: earlierEvents,
  });
  try {
    return ((await requestJson(address, { signal })) as EventPage).events;
  } catch {
    // The right to watch does not bring the right to search.
    return [];
  }
}

async function whyRefused(store: SessionStore): Promise<StopReason | undefined> {
  await store.check();
  const state = store.read();
  if (state.kind === "signed-out") return "unauthenticated";
  if (state.kind !== "signed-in") return undefined;
  return state.session.permissions.includes(feedPermission) ? undefined : "forbidden";
}
