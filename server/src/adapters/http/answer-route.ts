/** How one request of a route is answered, whether it came through Fastify or directly. */
import type { ServerResponse } from "node:http";
import { permissionOf } from "../../core/access/permission-name.ts";
import type { Principal } from "../../core/access/principal.ts";
import { WeirError } from "../../core/errors.ts";
import type { Outage } from "../../core/ports/outage.ts";
import type { Route, RouteReply, RouteRequest } from "../../core/ports/route.ts";
import { queryOf } from "../../core/query-string.ts";
import { textFlaw } from "../../core/text-flaw.ts";
import type { Authenticator } from "./authenticator.ts";
import { type BodyBudgets, unknownBodyBytes } from "./body.ts";
import type { Connections } from "./connections.ts";
import { contentReader } from "./content.ts";
import { anonymous, authenticate, demand, noCredentials, recognise } from "./identify.ts";
import type { IncomingRequest } from "./incoming-request.ts";
import { queryReader } from "./parameters.ts";
import { maxParameterLength } from "./path-parameters.ts";
import { asWeirError, problemAnswer } from "./problems.ts";

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
  readonly budgets: BodyBudgets;
  readonly outage: Pick<Outage, "since" | "onBegin"> | undefined;
  /** Known once the server is created, before the first request. */
  readonly connections: () => Connections;
}

/** Answers a request; never rejects. */
export type AnswerRoute = (request: IncomingRequest, response: ServerResponse) => Promise<Answer>;

const jsonHeaders = {
  "content-type": "application/json; charset=utf-8",
  "cache-control": "no-store",
} as const;
const textHeaders = { "content-type": "text/plain; charset=utf-8" } as const;
const bytesHeaders = { "content-type": "application/octet-stream" } as const;
/** A body may be this long while its key, which is in it, is not known: what Segment's clients send at most. */
const keyInBodyBytes = 512 * 1024;
const anyonesBody = { limit: unknownBodyBytes } as const;

/**
 * The steps of a route: authenticate, authorise by the route's own name (never by the raw URL, which
 * has many spellings), read and validate parameters and body, run, answer. One function without hooks,
 * as each hook costs about a microsecond on the accept path.
 */
export function routeAnswerer(route: Route, options: AnswerOptions): AnswerRoute {
  const permission = permissionOf(route);
  const isRead = route.method === "GET" && route.duringOutage !== true;
  const identity = { permission, lastKnown: route.duringOutage === true };
  const { authenticator, budgets } = options;
  const readQuery = queryReader(route.query ?? {}, route.required);
  const readContent = contentReader(route, budgets);
  const observe = options.observer.route(permission);

  return async (request, response) => {
    const started = performance.now();
    let principal = anonymous;
    let error: WeirError | undefined;
    let answer: Answer;
    try {
      let isKnown = false;
      if (route.access === "permission") {
        // decided before the body is read, unless the key is in the body
        const authenticated = authenticate(request, identity, authenticator);
        const known = authenticated instanceof Promise ? await authenticated : authenticated;
        if (known !== undefined) {
          principal = known;
          isKnown = true;
        } else if (route.keyInBody === undefined) throw noCredentials();
      } else if (route.access === "optional") {
        principal = await recognise(request, authenticator);
      }
      checkParameters(request.params);
      const query = readQuery(queryOf(request.raw.url ?? ""));
      let body: unknown;
      if (isKnown || route.keyInBody === undefined) {
        body = await readContent?.(request, response, isKnown ? undefined : anyonesBody);
      } else {
        body = await readContent?.(request, response, keyInBodyRules(route, authenticator));
        const key = route.keyInBody(body as Buffer);
        if (key === undefined) throw noCredentials();
        principal = await authenticator.authenticate(key);
        demand(principal, permission);
      }
      const { onDisconnect } = options.connections();
      const mounted = new MountedRequest(request, { principal, query, body }, (abort) =>
        onDisconnect(response, request.raw, abort),
      );
      const reply = route.handle(mounted);
      answer = written(await (isRead ? unlessOutage(reply, options.outage) : reply));
    } catch (thrown) {
      error = asWeirError(thrown);
      answer = problemAnswer(error, { requestId: request.id, since: options.outage?.since() });
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

/**
 * A read does not wait for a database that has stopped answering until its own time limit. What was asked of the
 * database ends by itself. @throws WeirError `unavailable`
 */
async function unlessOutage(
  reply: Promise<RouteReply>,
  outage: AnswerOptions["outage"],
): Promise<RouteReply> {
  if (outage === undefined) return reply;
  const began = Promise.withResolvers<never>();
  const forget = outage.onBegin(() => began.reject(new WeirError("unavailable")));
  try {
    return await Promise.race([reply, began.promise]);
  } finally {
    forget();
  }
}

/** A longer body is read when its start has a valid key; the last key of the whole body is the one that counts. */
function keyInBodyRules(route: Route, authenticator: Authenticator) {
  return {
    limit: keyInBodyBytes,
    async vouch(start: Buffer): Promise<boolean> {
      const key = route.keyInBody?.(start);
      if (key === undefined) return false;
      try {
        return (await authenticator.authenticate(key)).may(permissionOf(route));
      } catch {
        return false;
      }
    },
  };
}

/**
 * Parameters of the path, as the router has decoded them.
 * @throws WeirError `malformed_request`, `uri_too_long`
 */
function checkParameters(params: unknown): void {
  const texts = params as Readonly<Record<string, string>>;
  for (const name in texts) {
    const value = texts[name] ?? "";
    if (value.length > maxParameterLength && [...value].length > maxParameterLength) {
      throw new WeirError("uri_too_long", {
        detail: `{${name}} in the path is longer than ${maxParameterLength} characters`,
      });
    }
    const flaw = textFlaw(value);
    if (flaw === undefined) continue;
    const detail = `{${name}} in the path ${flaw}`;
    throw new WeirError("malformed_request", { detail, errors: [{ pointer: name, detail }] });
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
  readonly #onDisconnect: (abort: () => void) => void;
  #signal: AbortSignal | undefined;

  constructor(
    request: IncomingRequest,
    given: Pick<RouteRequest, "principal" | "query" | "body">,
    onDisconnect: (abort: () => void) => void,
  ) {
    this.#request = request;
    this.#onDisconnect = onDisconnect;
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

  get repeatId(): string | undefined {
    return this.#request.repeatId;
  }

  get signal(): AbortSignal {
    if (this.#signal !== undefined) return this.#signal;
    const controller = new AbortController();
    this.#onDisconnect(() => controller.abort(new Error("the client disconnected")));
    this.#signal = controller.signal;
    return this.#signal;
  }
}
