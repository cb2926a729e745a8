"use client";
import type { Freshness } from "@weir/protocol";
import {
  createContext,
  type ReactNode,
  useCallback,
  useContext,
  useEffect,
  useRef,
  useState,
  useSyncExternalStore,
} from "react";
import type { KnownFreshness } from "../frame/age.ts";
import { createOutageStore, type Outage, type OutageStore, outageKind } from "./outage-store.ts";
import { type Answer, createQueryStore, type QueryStore } from "./query-store.ts";
import { questionOf } from "./question.ts";
import { asFailure, type Failure, type RequestOptions, requestJson } from "./request.ts";
import { createSessionStore, type SessionState, type SessionStore } from "./session-store.ts";

interface Data {
  readonly queries: QueryStore;
  readonly session: SessionStore;
  readonly freshness: FreshnessStore;
  readonly outage: OutageStore;
}

type FreshnessStore = ReturnType<typeof createFreshnessStore>;

const DataContext = createContext<Data | undefined>(undefined);

export function DataProvider({ children }: { children: ReactNode }) {
  const [data] = useState(createData);
  useEffect(() => {
    const updateVisibility = () => data.queries.setVisible(document.visibilityState === "visible");
    document.addEventListener("visibilitychange", updateVisibility);
    return () => document.removeEventListener("visibilitychange", updateVisibility);
  }, [data]);
  return <DataContext value={data}>{children}</DataContext>;
}

function createData(): Data {
  const outage = createOutageStore({
    now: Date.now,
    after,
    retry() {
      if (session.read().kind !== "signed-in") void session.check();
      queries.refresh();
    },
  });
  const request = async (path: string, options?: RequestOptions) => {
    try {
      return await requestJson(path, options);
    } catch (error) {
      if (options?.signal?.aborted !== true) outage.failed(asFailure(error));
      throw error;
    }
  };
  const session = createSessionStore(request);
  const freshness = createFreshnessStore();
  const queries = createQueryStore({
    async load(key, signal) {
      const { method, path, body } = questionOf(key);
      const state = session.read();
      const csrf = state.kind === "signed-in" ? { csrfToken: state.session.csrf_token } : {};
      const answer = await request(
        path,
        method === "GET" ? { signal } : { method, body, signal, ...csrf },
      );
      // Not after an answer about the session: the server has those in memory.
      outage.answered();
      freshness.report(answer);
      return answer;
    },
    now: () => performance.now(),
    after,
    onFailure(failure) {
      if (failure.status === 401) session.expire();
    },
  });
  return { queries, session, freshness, outage };
}

function after(ms: number, run: () => void): () => void {
  const timer = setTimeout(run, ms);
  return () => clearTimeout(timer);
}

/** The freshness of the newest answer of any request. */
function createFreshnessStore() {
  let known: KnownFreshness | undefined;
  const listeners = new Set<() => void>();
  return {
    read: () => known,
    subscribe(listener: () => void) {
      listeners.add(listener);
      return () => {
        listeners.delete(listener);
      };
    },
    report(answer: unknown) {
      const freshness = (answer as { freshness?: Freshness } | null | undefined)?.freshness;
      if (freshness === undefined) return;
      known = { freshness, answeredAt: performance.now() };
      for (const listener of listeners) listener();
    },
  };
}

function useData(): Data {
  const data = useContext(DataContext);
  if (data === undefined) throw new Error("useQuery outside of DataProvider");
  return data;
}

export function useSession(): { state: SessionState; store: SessionStore } {
  const { session } = useData();
  return {
    state: useSyncExternalStore(session.subscribe, session.read, session.read),
    store: session,
  };
}

/** Set while Weir or its database is down. */
export function useOutage(): Outage | undefined {
  const { outage } = useData();
  return useSyncExternalStore(outage.subscribe, outage.read, outage.read);
}

export function useQueries(): QueryStore {
  return useData().queries;
}

export function useKnownFreshness(): KnownFreshness | undefined {
  const { freshness } = useData();
  return useSyncExternalStore(freshness.subscribe, freshness.read, freshness.read);
}

export interface Query<T> {
  readonly data: T | undefined;
  readonly failure: Failure | undefined;
  readonly loading: boolean;
  /** `data` is the answer for the previous address, until the new answer arrives. */
  readonly stale: boolean;
  refresh(): void;
}

const noRequest: Answer = { data: undefined, failure: undefined, loading: false };

/**
 * The answer for an address, kept up to date.
 *
 * @param address of a GET, or the key that `postKey` returns for a POST; null for no request
 */
export function useQuery<T>(address: string | null, pollMs = Number.POSITIVE_INFINITY): Query<T> {
  const { queries } = useData();
  const subscribe = useCallback(
    (listener: () => void) =>
      address === null ? () => {} : queries.subscribe(address, pollMs, listener),
    [queries, address, pollMs],
  );
  const read = useCallback(
    () => (address === null ? noRequest : queries.read(address)),
    [queries, address],
  );
  const answer = useSyncExternalStore(subscribe, read, read);
  const last = useRef<unknown>(undefined);
  useEffect(() => {
    if (answer.data !== undefined) last.current = answer.data;
  }, [answer.data]);
  // The previous answer stays until the new one arrives: a skeleton would flicker. It is dimmed, but not during
  // an outage, in which it is all there is.
  const isDown = answer.failure !== undefined && outageKind(answer.failure) !== undefined;
  const isPrevious =
    answer.data === undefined && (answer.loading || isDown) && last.current !== undefined;
  const refresh = useCallback(() => {
    if (address !== null) queries.refresh(address);
  }, [queries, address]);
  return {
    data: (isPrevious ? last.current : answer.data) as T | undefined,
    failure: answer.failure,
    loading: answer.loading,
    stale: isPrevious && !isDown,
    refresh,
  };
}
