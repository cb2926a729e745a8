import type { Logger } from "./logger.ts";
import { type Metrics, secondsBuckets } from "./metrics.ts";

interface RequestRecord {
  readonly request: { readonly id: string; readonly method: string; readonly ip: string };
  readonly status: number;
  readonly ms: number;
  readonly principal: { readonly service: string; readonly keyId: string };
  readonly error: (Error & { readonly code: string }) | undefined;
}

/** Entry points of events are told by group, not by request: a line each would cost more than the work. */
const quiet = /^events\.post\./;

/** Counts and times every request by its permission name; logs all but the hot path's successes. */
export function observeRequests(metrics: Metrics, logger: Logger) {
  const seconds = metrics.histogram({
    name: "weir_http_request_seconds",
    help: "Duration of a request",
    buckets: secondsBuckets,
    labels: ["route", "status"],
  });
  return {
    route(permission: string): (record: RequestRecord) => void {
      const children = new Map<number, { observe(value: number): void }>();
      const isQuiet = quiet.test(permission);
      return ({ request, status, ms, principal, error }) => {
        let child = children.get(status);
        if (child === undefined) {
          child = seconds.labels({ route: permission, status: String(status) });
          children.set(status, child);
        }
        child.observe(ms / 1000);
        if (isQuiet && status < 500) return;
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
