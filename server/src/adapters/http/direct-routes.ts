/**
 * A table in front of Fastify for the routes that take events: a request whose method and URL are
 * exactly a route's goes to it directly, any other spelling takes Fastify's router. Both run the same
 * `routeAnswerer`; what is spared is 25 to 30 µs a request (docs/decisions/0013).
 */
import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from "node:http";
import type { Route } from "../../core/ports/route.ts";
import type { Answer, AskedRequest } from "./answer-route.ts";
import { asWeirError, problemAnswer } from "./problems.ts";

type Listener = (request: IncomingMessage, response: ServerResponse) => void;

/** Headers of every answer of this server, by the origin that the request names. */
export type CommonHeaders = (origin: string | undefined) => Readonly<Record<string, string>>;

export interface DirectRoutes {
  /** Answers by this table where it can, else by `framework`. */
  inFrontOf(framework: Listener): Listener;
  add(route: Route, answer: (request: AskedRequest) => Promise<Answer>): void;
  /** From now on everything goes to the framework, which refuses it while it closes. */
  stop(): void;
}

/** The plain spellings; of the others Fastify refuses some before a route sees them. */
const plainType = /^[\w.+-]+\/[\w.+-]+(?:; ?charset=[\w-]+)?$/;
const nothing = {};

export function directRoutes(options: {
  readonly nextId: () => string;
  readonly commonHeaders: CommonHeaders;
}): DirectRoutes {
  const answers = new Map<string, (request: AskedRequest) => Promise<Answer>>();
  let stopped = false;
  return {
    inFrontOf: (framework) => (request, response) => {
      const answer = request.method === "POST" ? answers.get(request.url ?? "") : undefined;
      const type = request.headers["content-type"];
      if (answer === undefined || stopped || type === undefined || !plainType.test(type)) {
        framework(request, response);
        return;
      }
      const asked = new DirectRequest(request, options.nextId());
      const common = options.commonHeaders(request.headers.origin);
      answer(asked)
        .then((given) => write(response, given, common))
        .catch((error: unknown) => {
          // what could not be written, such as a header of line breaks
          if (response.headersSent) {
            response.destroy();
            return;
          }
          response.statusMessage = "";
          write(response, problemAnswer(asWeirError(error), asked.id), common);
        });
    },
    add(route, answer) {
      if (isDirect(route)) answers.set(route.path, answer);
    },
    stop() {
      stopped = true;
    },
  };
}

/** Bytes are taken at one fixed address, and nothing is asked of the URL. */
function isDirect({ method, path, body, query }: Route): boolean {
  return method === "POST" && body?.kind === "bytes" && query === undefined && !/[:*]/.test(path);
}

function write(
  response: ServerResponse,
  { status, headers, body }: Answer,
  common: Readonly<Record<string, string>>,
): void {
  if (body !== undefined && typeof body !== "string" && !Buffer.isBuffer(body)) {
    throw new Error("a route that takes bytes answers with a whole body");
  }
  const lines: string[] = [];
  for (const name in common) lines.push(name, common[name] as string);
  for (const name in headers) lines.push(name, headers[name] as string);
  if (status !== 204) {
    lines.push("content-length", String(body === undefined ? 0 : Buffer.byteLength(body)));
  }
  response.writeHead(status, lines);
  response.end(body);
}

class DirectRequest implements AskedRequest {
  readonly id: string;
  readonly raw: IncomingMessage;
  readonly params = nothing;
  readonly query = nothing;

  constructor(raw: IncomingMessage, id: string) {
    this.raw = raw;
    this.id = id;
  }

  get method(): string {
    return this.raw.method ?? "";
  }

  get headers(): IncomingHttpHeaders {
    return this.raw.headers;
  }

  /** Never a proxy's word: with trusted proxies there are no direct routes. */
  get ip(): string {
    return this.raw.socket.remoteAddress ?? "";
  }
}
