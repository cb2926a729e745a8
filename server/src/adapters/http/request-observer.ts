import type { Logger } from "../../core/ports/logger.ts";
import { type Metrics, secondsBuckets } from "../../core/ports/metrics.ts";
import type { RequestObserver } from "./answer-route.ts";

/** Routes that accept events log one line per group commit: one per request costs more than the work. */
const quiet = /^events\.post\./;

/**
 * While Weir is unavailable clients repeat their requests: of each route and code, one line in this time is
 * logged, and the next one says how many were left out. Metrics count them all.
 */
const unavailableLineMs = 10_000;

/** Measures every request by its permission name; logs all but the successes of the hot path. */
export function observeRequests(
  metrics: Metrics,
  logger: Logger,
  monotonic: () => number = () => performance.now(),
): RequestObserver {
  const seconds = metrics.histogram({
    name: "weir_http_request_seconds",
    help: "Duration of a request",
    buckets: secondsBuckets,
    labels: ["route", "status"],
  });
  return {
    route(permission) {
      const children = new Map<number, { observe(value: number): void }>();
      const isQuiet = quiet.test(permission);
      const leaveOut = createRepeats(monotonic);
      return ({ request, status, ms, principal, error }) => {
        let child = children.get(status);
        if (child === undefined) {
          child = seconds.labels({ route: permission, status: String(status) });
          children.set(status, child);
        }
        child.observe(ms / 1000);
        // senders repeat what a full disk refuses: one line for each would fill it further
        if (isQuiet && (status < 500 || error?.code === "storage_full")) return;
        const repeated = status === 503 && error !== undefined ? leaveOut(error.code) : 0;
        if (repeated === undefined) return;
        const line = {
          route: permission,
          status,
          ms: Math.round(ms * 100) / 100,
          service: principal.service,
          key_id: principal.keyId,
          ip: request.ip,
          request_id: request.id,
          ...(error === undefined ? {} : { code: error.code, reason: error.message }),
          ...(repeated === 0 ? {} : { left_out: repeated }),
        };
        if (status >= 500) logger.error({ ...line, err: error?.cause }, "request");
        else logger.info(line, "request");
      };
    },
  };
}

/** How many lines with this code were left out before this one; undefined: leave this one out too. */
function createRepeats(monotonic: () => number): (code: string) => number | undefined {
  const known = new Map<string, { readonly at: number; leftOut: number }>();
  return (code) => {
    const last = known.get(code);
    const now = monotonic();
    if (last !== undefined && now - last.at < unavailableLineMs) {
      last.leftOut++;
      return undefined;
    }
    known.set(code, { at: now, leftOut: 0 });
    return last?.leftOut ?? 0;
  };
}
