/** How one request of a route is answered, whether it came through Fastify or directly. */
import type { IncomingHttpHeaders, IncomingMessage } from "node:http";
import { limits } from "@weir/protocol";
import { permissionOf } from "../../core/access/permission-name.ts";
import type { Principal } from "../../core/access/principal.ts";
import { WeirError } from "../../core/errors.ts";
import type { Route, RouteReply, RouteRequest } from "../../core/ports/route.ts";
import type { Authenticator } from "./authenticator.ts";
import { readBody } from "./body.ts";
import { readCredentials } from "./credentials.ts";
import { bodyValidator, queryReader } from "./parameters.ts";
import { asWeirError, problemAnswer } from "./problems.ts";

/** What the answer of a route depends on; Fastify's request implements it. */
export interface IncomingRequest {
  readonly id: string;
  readonly method: string;
  readonly ip: string;
  readonly headers: IncomingHttpHeaders;
  readonly raw: IncomingMessage;
  readonly params: unknown;
  /** As received, not validated. */
  readonly query: unknown;
}

interface RequestRecord {
  readonly request: IncomingRequest;
  readonly status: number;
  readonly ms: number;
  readonly principal: Principal;
  readonly error: WeirError | undefined;
}

/** Notified of every answered request of a route; telemetry implements it. */
export interface RequestObserver {
  route(permission: string): (record: RequestRecord) => void;
}

/** An answer ready to be written: its headers are complete, except for those that HTTP adds. */
export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | Buffer | AsyncIterable<string> | undefined;
}

export interface AnswerOptions {
  readonly authenticator: Authenticator;
  readonly observer: RequestObserver;
}

const jsonBodyLimit = 1024 * 1024;
const jsonTypes = ["application/json"];
const jsonHeaders = {
  "content-type": "application/json; charset=utf-8",
  "cache-control": "no-store",
} as const;
const textHeaders = { "content-type": "text/plain; charset=utf-8" } as const;
const bytesHeaders = { "content-type": "application/octet-stream" } as const;
const noQuery = {};
const anonymous: Principal = {
  serviceId: 0,
  service: "",
  role: "",
  keyId: "",
  via: "key",
  may: () => false,
};

/**
 * The steps of a route: authenticate, authorise by the route's own name (never by the raw URL, which
 * has many spellings), read and validate parameters and body, run, answer. One function without hooks,
 * as each hook costs about a microsecond on the accept path. The returned function never rejects.
 */
export function routeAnswerer(
  route: Route,
  options: AnswerOptions,
): (request: IncomingRequest) => Promise<Answer> {
  const permission = permissionOf(route);
  const { authenticator } = options;
  const readQuery =
    route.query === undefined ? undefined : queryReader(route.query, route.required);
  const readContent = contentReader(route);
  const observe = options.observer.route(permission);

  return async (request) => {
    const started = performance.now();
    let principal: Principal = anonymous;
    let error: WeirError | undefined;
    let answer: Answer;
    try {
      let body: unknown;
      if (route.access === "public") {
        body = await readContent?.(request);
      } else {
        // The permission is decided before the body is read, unless the key is in the body.
        const authenticated = authenticate(request, permission, authenticator);
        const known = authenticated instanceof Promise ? await authenticated : authenticated;
        if (known !== undefined) principal = known;
        else if (route.keyInBody === undefined) throw noCredentials();
        body = await readContent?.(request);
        if (known === undefined) {
          const key = route.keyInBody?.(body as Buffer);
          if (key === undefined) throw noCredentials();
          principal = await authenticator.authenticate(key);
          demand(principal, permission);
        }
      }
      const query = readQuery?.(request.query as Record<string, unknown>) ?? noQuery;
      answer = written(await route.handle(new MountedRequest(request, { principal, query, body })));
    } catch (thrown) {
      error = asWeirError(thrown);
      answer = problemAnswer(error, request.id);
    }
    observe({
      request,
      status: answer.status,
      ms: performance.now() - started,
      principal,
      error,
    });
    return answer;
  };
}

function authenticate(
  request: IncomingRequest,
  permission: string,
  authenticator: Authenticator,
): Principal | undefined | Promise<Principal | undefined> {
  const { key, sessionToken } = readCredentials(request.headers);
  if (key !== undefined) {
    const found = authenticator.authenticate(key);
    return found instanceof Promise
      ? found.then((principal) => demand(principal, permission))
      : demand(found, permission);
  }
  if (sessionToken === undefined) return undefined;
  return authenticateSession(request, permission, authenticator.session(sessionToken));
}

async function authenticateSession(
  request: IncomingRequest,
  permission: string,
  found: ReturnType<Authenticator["session"]>,
): Promise<Principal | undefined> {
  const session = await found;
  if (session === undefined) return undefined;
  const safe = request.method === "GET" || request.method === "HEAD";
  if (!safe && request.headers["x-csrf-token"] !== session.csrfToken) {
    throw new WeirError("csrf", {
      detail: "send the session's csrf_token (from GET /api/session) in the header X-CSRF-Token",
    });
  }
  return demand(session.principal, permission);
}

function demand(principal: Principal, permission: string): Principal {
  if (principal.may(permission)) return principal;
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

function contentReader(route: Route): ((request: IncomingRequest) => Promise<unknown>) | undefined {
  const { body } = route;
  if (body === undefined) return undefined;
  const accepts = body.kind === "json" ? jsonTypes : body.contentTypes;
  const limit = body.kind === "json" ? jsonBodyLimit : (body.limit ?? limits.batchBytes);
  const validate = body.kind === "json" ? bodyValidator(body.schema) : undefined;
  if (validate === undefined) {
    return (request) => {
      checkContentType(request.headers["content-type"], accepts);
      return readBody(request.raw, limit);
    };
  }
  return async (request) => {
    checkContentType(request.headers["content-type"], accepts);
    const value = parseJson(await readBody(request.raw, limit));
    validate(value);
    return value;
  };
}

function checkContentType(header: string | undefined, accepts: readonly string[]): void {
  if (header !== undefined && accepts.includes(header)) return;
  const [type = "", ...parameters] = (header ?? "").toLowerCase().split(";");
  const name = type.trim();
  if (!accepts.includes(name) && !accepts.includes("*/*")) {
    throw new WeirError("unsupported_media_type", {
      detail: `content-type "${name.slice(0, 80)}" is not supported here; send ${accepts.join(" or ")}`,
    });
  }
  for (const parameter of parameters) {
    const [key = "", value = ""] = parameter.trim().split("=");
    const charset = value.replaceAll('"', "");
    // Fastify reads any charset as UTF-8 and corrupts the text; JSON is UTF-8 (RFC 8259, 8.1).
    if (key === "charset" && charset !== "utf-8" && charset !== "utf8") {
      throw new WeirError("unsupported_media_type", {
        detail: `charset "${charset.slice(0, 40)}" is not supported; JSON is UTF-8`,
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

function written({ status, headers = {}, body }: RouteReply): Answer {
  if (body === undefined) return { status, headers, body };
  // Fastify would add these content types; the direct path adds none
  if (typeof body === "string") return { status, headers: { ...textHeaders, ...headers }, body };
  if (Buffer.isBuffer(body)) return { status, headers: { ...bytesHeaders, ...headers }, body };
  if (isAsyncIterable(body)) return { status, headers, body };
  return { status, headers: { ...jsonHeaders, ...headers }, body: JSON.stringify(body) };
}

function isAsyncIterable(value: unknown): value is AsyncIterable<string> {
  return typeof value === "object" && value !== null && Symbol.asyncIterator in value;
}

/** A class with a lazy signal: an AbortController per request costs more than parsing an event. */
class MountedRequest implements RouteRequest {
  readonly principal: Principal;
  readonly query: Readonly<Record<string, unknown>>;
  readonly body: unknown;
  readonly #request: IncomingRequest;
  #signal: AbortSignal | undefined;

  constructor(request: IncomingRequest, given: Pick<RouteRequest, "principal" | "query" | "body">) {
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
    const abort = () => controller.abort(new Error("the client disconnected"));
    if (socket.destroyed) abort();
    else socket.once("close", abort);
    this.#signal = controller.signal;
    return this.#signal;
  }
}
