import { randomUUID } from "node:crypto";
import { type FastifyInstance, type FastifySchema, fastify } from "fastify";
import { answerFailure, problemBody, problemType } from "./failures.ts";
import { type HealthCheck, mountHealth } from "./health.ts";
import type { Logger } from "./logger.ts";
import { problemKinds } from "./problems.ts";
import { convertQuery } from "./query-numbers.ts";

export type App = FastifyInstance;
export type { FastifyReply as Reply, FastifyRequest as Request } from "fastify";

export interface AppOptions {
  readonly logger: Logger;
  /** What `/health/ready` examines, by name. */
  readonly checks: Readonly<Record<string, HealthCheck>>;
  /** Default 64 KiB. */
  readonly bodyLimit?: number;
  /** From the headers to the answer; default 15 s. A route may have its own `handlerTimeout`. */
  readonly requestTimeoutMs?: number;
}

const requestId = /^[\w.:-]{1,64}$/;

/**
 * A fastify app with what all services share: limits, request ids, problem+json, `/health/live` and
 * `/health/ready`. Schemas are strict: a body's members are never converted; numbers of the query are.
 */
export function createApp(options: AppOptions): App {
  const { logger } = options;
  const app = fastify({
    logger: false,
    bodyLimit: options.bodyLimit ?? 64 * 1024,
    handlerTimeout: options.requestTimeoutMs ?? 15_000,
    // for the request itself: headers and body
    requestTimeout: 10_000,
    keepAliveTimeout: 65_000,
    forceCloseConnections: "idle",
    routerOptions: { maxParamLength: 200 },
    http: { maxHeaderSize: 16 * 1024, headersTimeout: 10_000 },
    ajv: { customOptions: { coerceTypes: false, removeAdditional: false, useDefaults: true } },
    genReqId(request) {
      const given = request.headers["x-request-id"];
      return typeof given === "string" && requestId.test(given) ? given : randomUUID();
    },
    clientErrorHandler(error, socket) {
      if (error.code === "ECONNRESET" || !socket.writable) return;
      const tooLong = error.code === "HPE_HEADER_OVERFLOW";
      const status = tooLong ? "431 Request Header Fields Too Large" : "400 Bad Request";
      const detail = tooLong ? "The headers exceed 16 KiB." : "This is not a valid HTTP request.";
      const kind = tooLong ? problemKinds.too_large : problemKinds.invalid_request;
      const body = JSON.stringify({
        ...problemBody(kind, detail, {}),
        status: Number.parseInt(status, 10),
      });
      socket.end(
        `HTTP/1.1 ${status}\r\nContent-Type: ${problemType}\r\nContent-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`,
      );
    },
  });
  app.addHook("onRoute", (route) => {
    const convert = convertQuery(route.schema as FastifySchema | undefined);
    if (convert === undefined) return;
    const others = [route.preValidation ?? []].flat();
    route.preValidation = [convert, ...others];
  });
  app.addHook("onRequest", async (request, reply) => {
    reply.header("x-request-id", request.id);
  });
  let draining = false;
  app.addHook("preClose", async () => {
    draining = true;
  });
  app.addHook("onSend", async (_request, reply) => {
    // otherwise a client that keeps its connection open delays the end until it is cut
    if (draining) reply.header("connection", "close");
  });
  app.addHook("onResponse", async (request, reply) => {
    const level = reply.statusCode >= 500 ? "warn" : "debug";
    logger[level](
      {
        request_id: request.id,
        method: request.method,
        route: request.routeOptions.url ?? "none",
        status: reply.statusCode,
        milliseconds: Math.round(reply.elapsedTime * 10) / 10,
      },
      "request",
    );
  });
  app.setErrorHandler((error, request, reply) => answerFailure(error, { request, reply, logger }));
  app.setNotFoundHandler((request, reply) => {
    const detail = `${request.method} ${request.url.split("?")[0]} is not a route of this service.`;
    return reply
      .code(404)
      .type(problemType)
      .send(problemBody(problemKinds.not_found, detail, { request_id: request.id }));
  });
  mountHealth(app, options.checks);
  return app;
}

export interface ListenOptions {
  readonly host: string;
  /** 0: a free one. */
  readonly port: number;
  /** How long requests in progress may take when the app is closed; default 10 s. */
  readonly drainMs?: number;
}

/**
 * Listens. Disposing of the result drains: `/health/ready` fails and new requests are answered 503 while
 * those in progress finish; after `drainMs` their connections are cut.
 */
export async function listen(
  app: App,
  { host, port, drainMs = 10_000 }: ListenOptions,
): Promise<AsyncDisposable & { readonly url: string }> {
  const url = await app.listen({ host, port });
  return {
    url,
    async [Symbol.asyncDispose]() {
      const cut = setTimeout(() => app.server.closeAllConnections(), drainMs);
      try {
        await app.close();
      } finally {
        clearTimeout(cut);
      }
    },
  };
}
