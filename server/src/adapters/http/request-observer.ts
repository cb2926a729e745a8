import type { Logger } from "../../core/ports/logger.ts";
import { type Metrics, secondsBuckets } from "../../core/ports/metrics.ts";
import type { RequestObserver } from "./answer-route.ts";

/** Routes that accept events log one line per group commit: one per request costs more than the work. */
const quiet = /^events\.post\./;

/** Measures every request by its permission name; logs all but the successes of the hot path. */
export function observeRequests(metrics: Metrics, logger: Logger): RequestObserver {
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
      return ({ request, status, ms, principal, error }) => {
        let child = children.get(status);
        if (child === undefined) {
          child = seconds.labels({ route: permission, status: String(status) });
          children.set(status, child);
        }
        child.observe(ms / 1000);
        // senders repeat what a full disk refuses: one line for each would fill it further
        if (isQuiet && (status < 500 || error?.code === "storage_full")) return;
        const line = {
          route: permission,
          status,
          ms: Math.round(ms * 100) / 100,
          service: principal.service,
          key_id: principal.keyId,
          ip: request.ip,
          request_id: request.id,
          ...(error === undefined ? {} : { code: error.code, reason: error.message }),
        };
        if (status >= 500) logger.error({ ...line, err: error?.cause }, "request");
        else logger.info(line, "request");
      };
    },
  };
}
