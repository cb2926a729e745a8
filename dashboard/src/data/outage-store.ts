/**
 * Whether Weir, or the database behind it, is down: the same for the whole page. While it is, the page is
 * loaded again and again until something answers. Free of React and fetch.
 */
import type { Failure } from "./request.ts";

export interface Outage {
  /** `database`: Weir answers that its database does not. `server`: nothing answers. */
  readonly kind: "database" | "server";
  /** Milliseconds since 1970: as the server says, else when the page noticed. */
  readonly since: number;
}

export interface OutageStoreOptions {
  /** Milliseconds since 1970. */
  now(): number;
  /** Runs a function later. */
  after(ms: number, run: () => void): unknown;
  /** Loads what is on the page again. */
  retry(): void;
}

export type OutageStore = ReturnType<typeof createOutageStore>;

export const outageRetryMs = 3_000;

/** Whether a failure says that Weir or its database is down, and not only that one request failed. */
export function outageKind({ code }: Failure): Outage["kind"] | undefined {
  if (code === "unavailable") return "database";
  return code === "unreachable" ? "server" : undefined;
}

export function createOutageStore(options: OutageStoreOptions) {
  let outage: Outage | undefined;
  let isRetryScheduled = false;
  const listeners = new Set<() => void>();

  function set(next: Outage | undefined) {
    if (outage?.kind === next?.kind && outage?.since === next?.since) return;
    outage = next;
    for (const listener of [...listeners]) listener();
  }

  function scheduleRetry() {
    if (isRetryScheduled) return;
    isRetryScheduled = true;
    options.after(outageRetryMs, () => {
      isRetryScheduled = false;
      if (outage === undefined) return;
      options.retry();
      scheduleRetry();
    });
  }

  return {
    read: () => outage,
    subscribe(listener: () => void): () => void {
      listeners.add(listener);
      return () => {
        listeners.delete(listener);
      };
    },

    failed(failure: Failure) {
      const kind = outageKind(failure);
      if (kind === undefined) return;
      // A server that answers says since when; a page that hears nothing keeps what it knew.
      const noticed = outage?.kind === kind ? outage.since : options.now();
      set({ kind, since: failure.unavailableSince ?? noticed });
      scheduleRetry();
    },

    answered() {
      set(undefined);
    },
  };
}
