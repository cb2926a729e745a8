/**
 * How a process is asked to stop: by SIGINT, SIGTERM or SIGHUP, or by the end of its parent, which the
 * channel between them shows at once, also when the parent was killed.
 */
import { constants } from "node:os";
import { isSupervised } from "./supervisor-channel.ts";

export interface StopRequests {
  /** Aborts at the first request. */
  readonly stop: AbortSignal;
  /** Aborts at a second signal: stop without finishing. Never in a child of the supervisor, which decides. */
  readonly force: AbortSignal;
  /** Of a process that a signal ended before it had done its work, as in shells: 128 + n. */
  exitCode(): number;
}

/**
 * Ctrl-C reaches the whole terminal group, and npm and the launcher forward it, so one Ctrl-C arrives several
 * times; a second request is one that comes later than this.
 */
const sameRequestMs = 500;
const names = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

let parentEnded: (() => void) | undefined;

/**
 * Ends this process when its parent ends: called before anything is loaded, for a parent that is killed while
 * this process starts. A process without a channel to its parent is not concerned.
 */
export function endWithParent(): void {
  if (process.connected === false) onDisconnect();
  else if (process.channel !== undefined) process.once("disconnect", onDisconnect);
}

function onDisconnect(): void {
  if (parentEnded !== undefined) parentEnded();
  else process.kill(process.pid, "SIGTERM");
}

export function stopRequests(): StopRequests {
  const stop = new AbortController();
  const force = new AbortController();
  let by: (typeof names)[number] = "SIGTERM";
  let firstAt = 0;
  const request = (why: string) => {
    if (stop.signal.aborted) return false;
    firstAt = performance.now();
    stop.abort(new Error(why));
    return true;
  };
  for (const name of names) {
    process.on(name, () => {
      if (request(name)) by = name;
      else if (performance.now() - firstAt > sameRequestMs && !isSupervised()) force.abort();
    });
  }
  parentEnded = () => void request("the parent process ended");
  return {
    stop: stop.signal,
    force: force.signal,
    exitCode: () => 128 + constants.signals[by],
  };
}

/** Aborts when this process is asked to stop; later requests have no effect. */
export function stopSignal(): AbortSignal {
  return stopRequests().stop;
}

/** Resolves when the signal aborts. */
export function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
  });
}

/** The result of `work`, or the signal's reason as an error as soon as it aborts. */
export function unlessAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return Promise.race([work, aborted(signal).then(() => Promise.reject(signal.reason))]);
}
