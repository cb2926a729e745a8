import { Readable } from "node:stream";
import { limits } from "@weir/protocol";
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { WeirError } from "../core/errors.ts";
import { permissionOf } from "../core/permission-name.ts";
import type { Principal } from "../core/principal.ts";
import type { Route, RouteReply, RouteRequest } from "../core/route.ts";
import type { Authenticator } from "./authenticator.ts";
import { readBody } from "./body.ts";
import { readCredentials } from "./credentials.ts";
import { bodyValidator, queryReader } from "./parameters.ts";
import { asWeirError, problemAnswer } from "./problems.ts";
import type { RequestObserver } from "./server.ts";

const jsonBodyLimit = 1024 * 1024;
const jsonTypes = ["application/json"];
const nobody: Principal = {
  serviceId: 0,
  service: "",
  role: "",
  keyId: "",
  via: "key",
  may: () => false,
};

interface MountOptions {
  readonly authenticator: Authenticator;
  readonly observer: RequestObserver;
}

/**
 * Mounts one route: authenticate, decide by the route's own name (never by the raw URL, which has
 * many spellings), read and check parameters and body, run, answer. One handler, no framework
 * hooks: on the accept path each hook costs about a microsecond.
 */
export function mountRoute(app: FastifyInstance, route: Route, options: MountOptions): void {
  const permission = permissionOf(route);
  const readQuery = route.query === undefined ? undefined : queryReader(route.query);
  const readContent = contentReader(route);
  const observe = options.observer.route(permission);

  app.route({
    method: route.method,
    url: route.path,
    exposeHeadRoute: false,
    handler: async (request, reply) => {
      const started = performance.now();
      let principal: Principal = nobody;
      let error: WeirError | undefined;
      try {
        let body: unknown;
        if (route.access === "public") {
          body = await readContent(request);
        } else {
          // The permission is decided before the body is read, unless the key is in the body.
          const known = await authenticate(request, permission, options.authenticator);
          if (known !== undefined) principal = known;
          else if (route.keyInBody === undefined) throw noCredentials();
          body = await readContent(request);
          if (known === undefined) {
            const key = route.keyInBody?.(body as Buffer);
            if (key === undefined) throw noCredentials();
            principal = await options.authenticator.authenticate(key);
            demand(principal, permission);
          }
        }
        const query = readQuery?.(request.query as Record<string, unknown>) ?? {};
        const answer = await route.handle(new MountedRequest(request, { principal, query, body }));
        send(reply, answer);
      } catch (thrown) {
        error = asWeirError(thrown);
        sendProblem(reply, error, request.id);
      }
      observe({
        request,
        status: reply.statusCode,
        ms: performance.now() - started,
        principal,
        error,
      });
      return reply;
    },
  });
}

async function authenticate(
  request: FastifyRequest,
  permission: string,
  authenticator: Authenticator,
): Promise<Principal | undefined> {
  const { key, sessionToken } = readCredentials(request.headers);
  if (key !== undefined) {
    const found = authenticator.authenticate(key);
    const principal = found instanceof Promise ? await found : found;
    demand(principal, permission);
    return principal;
  }
  if (sessionToken === undefined) return undefined;
  const session = await authenticator.session(sessionToken);
  if (session === undefined) return undefined;
  const safe = request.method === "GET" || request.method === "HEAD";
  if (!safe && request.headers["x-csrf-token"] !== session.csrfToken) {
    throw new WeirError("csrf", {
      detail: "send the session's csrf_token (GET /api/session) in the header X-CSRF-Token",
    });
  }
  demand(session.principal, permission);
  return session.principal;
}

function demand(principal: Principal, permission: string): void {
  if (principal.may(permission)) return;
  throw new WeirError("forbidden", {
    permission,
    detail: `service "${principal.service}" (role "${principal.role}") lacks ${permission}; see "weir permissions explain ${principal.service} ${permission}"`,
  });
}

function noCredentials(): WeirError {
  return new WeirError("unauthenticated", {
    detail: "send an API key in X-API-Key or as a Bearer token, or sign in",
  });
}

function contentReader(route: Route): (request: FastifyRequest) => Promise<unknown> {
  const { body } = route;
  if (body === undefined) return async () => undefined;
  const accepts = body.kind === "json" ? jsonTypes : body.contentTypes;
  const limit = body.kind === "json" ? jsonBodyLimit : (body.limit ?? limits.batchBytes);
  const validate = body.kind === "json" ? bodyValidator(body.schema) : undefined;
  return async (request) => {
    checkContentType(request.headers["content-type"], accepts);
    const bytes = await readBody(request.raw, limit);
    if (validate === undefined) return bytes;
    const value = parseJson(bytes);
    validate(value);
    return value;
  };
}

function checkContentType(header: string | undefined, accepts: readonly string[]): void {
  const [type = "", ...parameters] = (header ?? "").toLowerCase().split(";");
  const name = type.trim();
  if (!accepts.includes(name) && !accepts.includes("*/*")) {
    throw new WeirError("unsupported_media_type", {
      detail: `content-type "${name.slice(0, 80)}" is not taken here; send ${accepts.join(" or ")}`,
    });
  }
  for (const parameter of parameters) {
    const [key = "", value = ""] = parameter.trim().split("=");
    const charset = value.replaceAll('"', "");
    // Fastify takes any charset for UTF-8 and mangles the text; JSON is UTF-8 (RFC 8259, 8.1).
    if (key === "charset" && charset !== "utf-8" && charset !== "utf8") {
      throw new WeirError("unsupported_media_type", {
        detail: `charset "${charset.slice(0, 40)}" is not taken; JSON is UTF-8`,
      });
    }
  }
}

function parseJson(bytes: Buffer): unknown {
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch (cause) {
    throw new WeirError("malformed_json", {
      detail: cause instanceof SyntaxError ? cause.message.slice(0, 200) : "not valid UTF-8",
      cause,
    });
  }
}

function send(reply: FastifyReply, { status, headers, body }: RouteReply): void {
  reply.code(status);
  if (headers !== undefined) reply.headers(headers);
  if (body === undefined) {
    reply.send();
  } else if (typeof body === "string" || Buffer.isBuffer(body)) {
    reply.send(body);
  } else if (isAsyncIterable(body)) {
    reply.send(Readable.from(body));
  } else {
    if (!reply.hasHeader("content-type"))
      reply.header("content-type", "application/json; charset=utf-8");
    if (!reply.hasHeader("cache-control")) reply.header("cache-control", "no-store");
    reply.send(JSON.stringify(body));
  }
}

export function sendProblem(
  reply: FastifyReply,
  error: WeirError,
  requestId: string,
): FastifyReply {
  const { status, headers, body } = problemAnswer(error, requestId);
  return reply.code(status).headers(headers).send(body);
}

function isAsyncIterable(value: unknown): value is AsyncIterable<string> {
  return typeof value === "object" && value !== null && Symbol.asyncIterator in value;
}

/** A class for its lazy signal: an AbortController a request costs more than the accept path's parsing. */
class MountedRequest implements RouteRequest {
  readonly principal: Principal;
  readonly query: Readonly<Record<string, unknown>>;
  readonly body: unknown;
  readonly #request: FastifyRequest;
  #signal: AbortSignal | undefined;

  constructor(request: FastifyRequest, given: Pick<RouteRequest, "principal" | "query" | "body">) {
    this.#request = request;
    this.principal = given.principal;
    this.query = given.query;
    this.body = given.body;
  }

  get params(): Readonly<Record<string, string>> {
    return this.#request.params as Record<string, string>;
  }

  get headers(): RouteRequest["headers"] {
    return this.#request.headers;
  }

  get ip(): string {
    return this.#request.ip;
  }

  get requestId(): string {
    return this.#request.id;
  }

  get signal(): AbortSignal {
    if (this.#signal !== undefined) return this.#signal;
    const controller = new AbortController();
    const { socket } = this.#request.raw;
    const abort = () => controller.abort(new Error("the client went away"));
    if (socket.destroyed) abort();
    else socket.once("close", abort);
    this.#signal = controller.signal;
    return this.#signal;
  }
}
