/**
 * Answers by address, shared by all components that show them: one request at a time for an address
 * (dedupe), the last answer is kept until the next arrives (stale while revalidate), a request
 * without subscribers is aborted, polling pauses while the page is hidden. Free of React and fetch.
 */
import { asFailure, type Failure } from "./request.ts";
import { shareStructure } from "./share-structure.ts";

export interface Answer {
  readonly data: unknown;
  readonly failure: Failure | undefined;
  readonly loading: boolean;
}

export interface QueryStoreOptions {
  load(address: string, signal: AbortSignal): Promise<unknown>;
  /** Milliseconds of a monotonic clock. */
  now(): number;
  /** Runs a function later. @returns cancels it */
  after(ms: number, run: () => void): () => void;
  /** Called with every failure: a 401 ends the session. */
  onFailure?(failure: Failure): void;
}

interface Entry {
  answer: Answer;
  readonly listeners: Map<() => void, number>;
  abort: AbortController | undefined;
  cancelTimer: (() => void) | undefined;
  /** Failures in a row: polling slows down while an address fails. */
  failures: number;
  tookMs: number;
}

export type QueryStore = ReturnType<typeof createQueryStore>;

const nothing: Answer = { data: undefined, failure: undefined, loading: true };
const maxEntries = 60;
const maxPollMs = 30_000;

export function createQueryStore(options: QueryStoreOptions) {
  const entries = new Map<string, Entry>();
  let visible = true;

  function entryOf(address: string): Entry {
    let entry = entries.get(address);
    if (entry === undefined) {
      entry = {
        answer: nothing,
        listeners: new Map(),
        abort: undefined,
        cancelTimer: undefined,
        failures: 0,
        tookMs: 0,
      };
      entries.set(address, entry);
      forgetOldest();
    }
    return entry;
  }

  function forgetOldest() {
    for (const [address, entry] of entries) {
      if (entries.size <= maxEntries) return;
      if (entry.listeners.size === 0) entries.delete(address);
    }
  }

  function update(entry: Entry, answer: Answer) {
    const before = entry.answer;
    const same =
      before.data === answer.data &&
      before.failure === answer.failure &&
      before.loading === answer.loading;
    if (same) return;
    entry.answer = answer;
    for (const listener of [...entry.listeners.keys()]) listener();
  }

  async function load(address: string, entry: Entry): Promise<void> {
    if (entry.abort !== undefined) return;
    entry.cancelTimer?.();
    const abort = new AbortController();
    entry.abort = abort;
    const started = options.now();
    if (entry.answer.data === undefined) update(entry, { ...entry.answer, loading: true });
    try {
      const data = await options.load(address, abort.signal);
      if (abort.signal.aborted) return;
      entry.failures = 0;
      const shared = shareStructure(entry.answer.data, data);
      update(entry, { data: shared, failure: undefined, loading: false });
    } catch (error) {
      if (abort.signal.aborted) return;
      entry.failures++;
      const failure = shareStructure(entry.answer.failure, asFailure(error));
      update(entry, { data: entry.answer.data, failure, loading: false });
      options.onFailure?.(failure);
    } finally {
      if (entry.abort === abort) {
        entry.abort = undefined;
        entry.tookMs = options.now() - started;
        schedule(address, entry);
      }
    }
  }

  /** Polls again after the last request has ended, later while answers are slow or failing. */
  function schedule(address: string, entry: Entry) {
    entry.cancelTimer?.();
    entry.cancelTimer = undefined;
    const interval = Math.min(...entry.listeners.values());
    if (!visible || !Number.isFinite(interval)) return;
    if (entry.answer.failure !== undefined && !entry.answer.failure.retryable) return;
    const wait = Math.max(interval * 2 ** Math.min(entry.failures, 5), entry.tookMs * 2);
    entry.cancelTimer = options.after(Math.min(wait, Math.max(interval, maxPollMs)), () => {
      void load(address, entry);
    });
  }

  return {
    read: (address: string): Answer => entries.get(address)?.answer ?? nothing,

    /** @param pollMs Infinity: loaded once and on `refresh`. @returns ends the subscription */
    subscribe(address: string, pollMs: number, listener: () => void): () => void {
      const entry = entryOf(address);
      entry.listeners.set(listener, pollMs);
      void load(address, entry);
      return () => {
        entry.listeners.delete(listener);
        // Not at once: a component that is rendered again subscribes again immediately.
        options.after(0, () => {
          if (entry.listeners.size > 0) return;
          entry.cancelTimer?.();
          entry.abort?.abort();
          entry.abort = undefined;
        });
      };
    },

    /** Loads everything on the page again, or one address. */
    refresh(address?: string) {
      for (const [key, entry] of entries) {
        if (entry.listeners.size > 0 && (address === undefined || address === key)) {
          void load(key, entry);
        }
      }
    },

    setVisible(next: boolean) {
      if (visible === next) return;
      visible = next;
      for (const [address, entry] of entries) {
        if (entry.listeners.size === 0) continue;
        const polls = Number.isFinite(Math.min(...entry.listeners.values()));
        if (visible && polls) void load(address, entry);
        else if (!visible) entry.cancelTimer?.();
      }
    },

    /** Drops every answer: the next user must not see them. */
    clear() {
      for (const entry of entries.values()) {
        entry.cancelTimer?.();
        entry.abort?.abort();
      }
      entries.clear();
    },
  };
}
