import type { FastifyInstance } from "fastify";

/**
 * Lets pages of the listed origins send events with a browser key. Off unless configured; cookies
 * are never allowed across origins, so a session cannot be used from elsewhere.
 */
export function allowOrigins(app: FastifyInstance, origins: readonly string[]): void {
  if (origins.length === 0) return;
  const allowed = new Set(origins);
  app.addHook("onRequest", async (request, reply) => {
    const { origin } = request.headers;
    if (origin === undefined || !allowed.has(origin)) return;
    reply.headers({
      "access-control-allow-origin": origin,
      "access-control-expose-headers": "RateLimit, RateLimit-Policy, Retry-After",
      vary: "Origin",
    });
    if (request.method !== "OPTIONS") return;
    await reply
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
