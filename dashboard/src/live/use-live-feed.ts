"use client";
import type { EventPage, RawEvent } from "@weir/protocol";
import { useCallback, useEffect, useMemo, useRef, useState } from "react";
import { useSession } from "../data/data-context.tsx";
import { addressOf, requestJson } from "../data/request.ts";
import type { SessionStore } from "../data/session-store.ts";
import type { ConnectionState, StopReason } from "./connection.ts";
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
import { createLiveSocket, type LiveSocket } from "./live-socket.ts";

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
  const [past, setPast] = useState<Past>("unknown");
  const latest = useRef(filter);
  const socket = useRef<LiveSocket | undefined>(undefined);

  useEffect(() => {
    const arrived: FeedRow[] = [];
    let known: Past = "unknown";
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
        const before = known;
        known = pastOf(known, state);
        // Asked for anew: what came in between belongs above what stands there.
        if (before === "without feed" && known !== before) setFeed(clear);
        setPast(known);
      },
      onEvent(event) {
        if (matches(latest.current, event)) arrived.push(eventRow(event));
      },
      onGap: (cursor, reason) => arrived.push({ kind: "gap", key: `gap ${cursor}`, reason }),
    });
    socket.current = live;
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
      live.tell({ type: "stop" });
      clearInterval(draw);
      window.removeEventListener("online", online);
      window.removeEventListener("offline", offline);
    };
  }, [store]);

  useEffect(() => {
    if (latest.current !== filter) {
      latest.current = filter;
      socket.current?.sendFilter();
      setFeed(clear);
    }
    if (past === "unknown") return;
    const abort = new AbortController();
    void earlier(filter, abort.signal).then((events) => {
      if (!abort.signal.aborted) setFeed((feed) => fillBelow(feed, events));
    });
    return () => abort.abort();
  }, [filter, past]);

  const actions = useMemo(
    () => ({
      pause: () => setFeed(pause),
      resume: () => setFeed(resume),
    }),
    [],
  );
  const reconnect = useCallback(() => socket.current?.tell({ type: "start" }), []);
  return { feed, flow, connection, ...actions, reconnect };
}

/**
 * How far the list may be filled with what was before. Events that are accepted after the list was
 * asked for and before the feed begins would be in neither, so it is asked for once the feed has begun:
 * from there on a cursor leaves nothing out. Where no feed can be had, it is asked for without one.
 */
type Past = "unknown" | "without feed" | "up to the feed";

function pastOf(past: Past, { name }: ConnectionState): Past {
  if (past === "up to the feed" || name === "open") return "up to the feed";
  return name === "waiting" || name === "offline" ? "without feed" : past;
}

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
