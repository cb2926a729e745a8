"use client";
import { useCallback, useEffect, useMemo, useRef, useState } from "react";
import { useSession } from "../data/data-context.tsx";
import type { ConnectionState } from "./connection-state.ts";
import { arrive, emptyFeed, type Feed, pause, resume } from "./feed.ts";
import { fetchEarlier, refusalReason } from "./feed-requests.ts";
import { createFeedSession, type FeedSession } from "./feed-session.ts";
import type { Filter } from "./filter.ts";
import { emptyFlow, type Flow, flowAt } from "./flow.ts";

/** Ten times a second looks live, and a burst of thousands is still one drawing. */
const drawMs = 100;

export interface LiveFeed {
  readonly feed: Feed;
  readonly flow: Flow;
  readonly connection: ConnectionState;
  pause(): void;
  resume(): void;
  reconnect(): void;
}

/** The live feed as the screen shows it: connected while the screen is open. */
export function useLiveFeed(filter: Filter): LiveFeed {
  const { store } = useSession();
  const [feed, setFeed] = useState(emptyFeed);
  const [flow, setFlow] = useState(() => emptyFlow(secondNow()));
  const [connection, setConnection] = useState<ConnectionState>({ name: "idle" });
  const latest = useRef(filter);
  const session = useRef<FeedSession | undefined>(undefined);

  useEffect(() => {
    const opened = createFeedSession({
      origin: window.location.origin.replace(/^http/, "ws"),
      filter: () => latest.current,
      fetchEarlier,
      update: setFeed,
      connect: (address) => new WebSocket(address),
      after(ms, run) {
        const timer = setTimeout(run, ms);
        return () => clearTimeout(timer);
      },
      random: Math.random,
      findReason: () => refusalReason(store),
      onState: setConnection,
    });
    session.current = opened;
    const draw = setInterval(() => {
      const rows = opened.take();
      const events = rows.filter(({ kind }) => kind === "event").length;
      setFlow((flow) => flowAt(flow, secondNow(), events));
      if (rows.length > 0) setFeed((feed) => arrive(feed, rows));
    }, drawMs);
    const stopListening = reportNetwork(opened);
    opened.connect();
    return () => {
      opened.stop();
      clearInterval(draw);
      stopListening();
    };
  }, [store]);

  useEffect(() => {
    if (latest.current === filter) return;
    latest.current = filter;
    session.current?.restart();
  }, [filter]);

  const actions = useMemo(
    () => ({
      pause: () => setFeed(pause),
      resume: () => setFeed(resume),
    }),
    [],
  );
  const reconnect = useCallback(() => session.current?.connect(), []);
  return { feed, flow, connection, ...actions, reconnect };
}

/** Reports when the browser gains or loses its network. @returns stops it */
function reportNetwork(session: FeedSession): () => void {
  const online = () => session.setOnline(true);
  const offline = () => session.setOnline(false);
  window.addEventListener("online", online);
  window.addEventListener("offline", offline);
  return () => {
    window.removeEventListener("online", online);
    window.removeEventListener("offline", offline);
  };
}

function secondNow(): number {
  return Math.floor(performance.now() / 1_000);
}
