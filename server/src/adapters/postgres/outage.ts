import { DatabaseError } from "../../core/ports/database.ts";
import type { Outage } from "../../core/ports/outage.ts";
import { pause } from "../../timing/pause.ts";

export interface OutageWatchOptions {
  readonly onBegin: (about: { readonly since: Date; readonly reason: string }) => void;
  readonly onEnd: (about: { readonly lastedMs: number; readonly failures: number }) => void;
  /** Connections broke or were refused, and the next attempt succeeded: no outage. */
  readonly onHiccup: (about: { readonly failures: number; readonly reason: string }) => void;
  /** Asks PostgreSQL for an answer, with a short time limit, over a connection of its own. */
  readonly probe: () => Promise<unknown>;
  /** Milliseconds since 1970, for people. */
  readonly now: () => number;
  /** Monotonic milliseconds. */
  readonly monotonic: () => number;
}

/** Notified of the outcome of everything that pools do; the accept path pays one comparison for it. */
export interface OutageWatch extends Outage {
  succeeded(): void;
  failed(error: unknown): void;
  /** What every statement fails with at once during an outage: a frozen server would let each wait for its limit. */
  obstacle(): DatabaseError | undefined;
  /** Ends the probing. */
  close(): void;
}

/** A connection that broke while others work, or a restart that is over at once, is no outage. */
const toleranceMs = 500;
const probeMs = 250;

/** The server did not answer at all: refused, closed, starting up, shutting down, or silent. */
const silentCodes = /^(connection|timeout|08...|57P0[1-3])$/;

/** Whether an error, or what caused it, says that PostgreSQL did not answer. */
function isSilence(error: unknown): error is Error {
  if (error instanceof DatabaseError) return silentCodes.test(error.code);
  return error instanceof Error && error.cause !== undefined && isSilence(error.cause);
}

interface Failing {
  readonly at: number;
  readonly date: Date;
  readonly reason: string;
  failures: number;
  isOutage: boolean;
}

/**
 * An outage begins when nothing succeeded for half a second of failures, and ends with the first success. In between
 * only a probe asks the server; everything else fails at once.
 */
export function createOutageWatch(options: OutageWatchOptions): OutageWatch {
  const { onBegin, onEnd, onHiccup, probe, now, monotonic } = options;
  const listeners = new Set<() => void>();
  const closed = new AbortController();
  let failing: Failing | undefined;

  function succeeded(): void {
    if (failing === undefined) return;
    const { at, failures, reason, isOutage } = failing;
    failing = undefined;
    if (isOutage) onEnd({ lastedMs: Math.round(monotonic() - at), failures });
    else onHiccup({ failures, reason });
  }

  async function probeUntilAnswered(): Promise<void> {
    while (failing?.isOutage === true && !closed.signal.aborted) {
      try {
        await probe();
        succeeded();
      } catch (error) {
        if (!isSilence(error)) succeeded();
        else await pause(probeMs, closed.signal);
      }
    }
  }

  return {
    since: () => (failing?.isOutage ? failing.date : undefined),
    explains: (error) => failing !== undefined && isSilence(error),
    succeeded,
    failed(error) {
      if (!isSilence(error)) {
        // Also a statement that PostgreSQL refuses has been answered.
        if (error instanceof DatabaseError) succeeded();
        return;
      }
      failing ??= {
        at: monotonic(),
        date: new Date(now()),
        reason: error.message,
        failures: 0,
        isOutage: false,
      };
      failing.failures++;
      if (failing.isOutage || monotonic() - failing.at < toleranceMs) return;
      failing.isOutage = true;
      onBegin({ since: failing.date, reason: error.message });
      for (const listener of [...listeners]) listener();
      void probeUntilAnswered();
    },
    obstacle() {
      if (failing?.isOutage !== true) return undefined;
      return new DatabaseError(`PostgreSQL does not answer: ${failing.reason}`, {
        code: "connection",
        retryable: true,
      });
    },
    onBegin(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    close: () => closed.abort(),
  };
}
