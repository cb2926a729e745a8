import { type ServiceClient, ServiceUnavailableError } from "../../foundation/service-client.ts";

interface FailFastOptions {
  readonly service: string;
  readonly pauseMs: number;
  readonly now: () => number;
}

/**
 * After a failed call, further calls fail at once for a pause, so that pages do not wait for a service that
 * is down. One call after the pause tries it.
 */
export function failFast(client: ServiceClient, options: FailFastOptions): ServiceClient {
  const { service, pauseMs, now } = options;
  let pausedUntil = Number.NEGATIVE_INFINITY;
  return {
    async request(request) {
      if (now() < pausedUntil) {
        throw new ServiceUnavailableError(service, "it failed a moment ago");
      }
      try {
        return await client.request(request);
      } catch (error) {
        if (error instanceof ServiceUnavailableError) pausedUntil = now() + pauseMs;
        throw error;
      }
    },
  };
}
