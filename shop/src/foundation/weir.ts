import { type ClientEvent, createClient } from "@weir/sdk";
import type { Logger } from "./logger.ts";

export interface WeirOptions {
  /** Absent together with `key`: the service runs without Weir, and its events are not sent. */
  readonly url: string | undefined;
  readonly key: string | undefined;
  readonly logger: Logger;
  /** For the events that wait when the service stops; default 3 s. */
  readonly flushMs?: number;
}

/** Sends the events of a service to Weir. */
export interface Weir extends AsyncDisposable {
  /** Queues; never throws and never waits. While Weir is down, at most 10,000 events wait; newer ones are dropped. */
  track(event: ClientEvent): void;
}

/** How often a repeated problem is logged. */
const logEveryMs = 10_000;

export function openWeir({ url, key, logger, flushMs = 3_000 }: WeirOptions): Weir {
  if (url === undefined || key === undefined) {
    logger.info("no address or key of Weir: events are not sent");
    return { track() {}, async [Symbol.asyncDispose]() {} };
  }
  const noteDrop = counted((dropped, detail) =>
    logger.warn({ dropped, detail }, "events for Weir were dropped"),
  );
  const noteRefusal = counted((refused, detail) =>
    logger.warn({ refused, detail }, "Weir refused events"),
  );
  const client = createClient({
    url,
    key,
    flushOnExit: false,
    onDrop: ({ reason, detail }) => noteDrop(`${reason}: ${detail}`),
    onVerdict: (result) => {
      if (result.verdict === "rejected" || result.verdict === "conflict") {
        noteRefusal(JSON.stringify(result));
      }
    },
    onRefused: (error) => logger.error({ reason: error.message }, "Weir refuses this service"),
  });
  return {
    track: (event) => void client.track(event),
    [Symbol.asyncDispose]: () => client.close({ timeoutMs: flushMs }),
  };
}

/** Calls `log` for the first, and then at most once in `logEveryMs` with the number since. */
function counted(log: (count: number, detail: string) => void): (detail: string) => void {
  let count = 0;
  let logged = Number.NEGATIVE_INFINITY;
  return (detail) => {
    count += 1;
    const now = performance.now();
    if (now - logged < logEveryMs) return;
    log(count, detail);
    logged = now;
    count = 0;
  };
}
