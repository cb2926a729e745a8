import type { FastifyInstance } from "fastify";
import type { CommonHeaders } from "./direct-routes.ts";

const always = { "x-content-type-options": "nosniff", "referrer-policy": "same-origin" };

/**
 * The headers of every answer. Pages of the listed origins (none by default) may send events with a
 * browser key. Cookies are never allowed across origins, so other sites cannot use a session.
 */
export function commonHeaders(origins: readonly string[]): CommonHeaders {
  const allowed = new Set(origins);
  return (origin) => {
    if (origin === undefined || !allowed.has(origin)) return always;
    return {
      ...always,
      "access-control-allow-origin": origin,
      "access-control-expose-headers": "RateLimit, RateLimit-Policy, Retry-After",
      vary: "Origin",
    };
  };
}

/** Adds them to Fastify's answers, and answers preflight requests of allowed origins. */
export function addCommonHeaders(app: FastifyInstance, headersFor: CommonHeaders): void {
  app.addHook("onRequest", (request, reply, done) => {
    const headers = headersFor(request.headers.origin);
    reply.headers(headers);
    if (headers === always || request.method !== "OPTIONS") {
      done();
      return;
    }
    reply
      .code(204)
      .headers({
        "access-control-allow-methods": "GET, POST",
        "access-control-allow-headers":
          "content-type, content-encoding, x-api-key, authorization, ce-id, ce-source, ce-type, ce-specversion, ce-time, ce-subject",
        "access-control-max-age": "600",
      })
      .send();
  });
}
