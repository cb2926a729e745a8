/**
 * A table in front of Fastify for the routes that take events. A request whose method and URL are
 * exactly those of a route goes to it directly; any other spelling goes through Fastify's router.
 * Both run the same `routeAnswerer`; the table saves 25 to 30 µs per request (docs/decisions/0013).
 */
import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from "node:http";
import type { Route } from "../../core/ports/route.ts";
import type { AnswerRoute } from "./answer-route.ts";
import type { TrustedProxies } from "./client-address.ts";
import type { IncomingRequest } from "./incoming-request.ts";
import { asWeirError, problemAnswer } from "./problems.ts";
import { writeAnswer } from "./write-answer.ts";

type Listener = (request: IncomingMessage, response: ServerResponse) => void;

/** Headers of every answer of this server, by the origin that the request names. */
export type CommonHeaders = (origin: string | undefined) => Readonly<Record<string, string>>;

export interface DirectRoutes {
  /** Answers by this table where it can, else by `framework`. */
  inFrontOf(framework: Listener): Listener;
  add(route: Route, answer: AnswerRoute): void;
}

/** The plain spellings. Fastify refuses some of the others before a route sees them. */
const plainType = /^[\w.+-]+\/[\w.+-]+(?:; ?charset=[\w-]+)?$/;
const noParameters = {};

export function directRoutes(options: {
  readonly nextId: () => string;
  readonly commonHeaders: CommonHeaders;
  readonly proxies: TrustedProxies;
}): DirectRoutes {
  const answers = new Map<string, AnswerRoute>();
  return {
    inFrontOf: (framework) => (request, response) => {
      const answer = request.method === "POST" ? answers.get(request.url ?? "") : undefined;
      const type = request.headers["content-type"];
      if (answer === undefined || type === undefined || !plainType.test(type)) {
        framework(request, response);
        return;
      }
      const incoming = new DirectRequest(request, options.nextId(), options.proxies);
      const common = options.commonHeaders(request.headers.origin);
      answer(incoming, response)
        .then((given) => writeAnswer(response, given, common))
        .catch((error: unknown) => {
          // an answer that could not be written, such as a header with line breaks
          if (response.headersSent) {
            response.destroy();
            return;
          }
          response.statusMessage = "";
          writeAnswer(
            response,
            problemAnswer(asWeirError(error), { requestId: incoming.id }),
            common,
          );
        });
    },
    add(route, answer) {
      if (isDirect(route)) answers.set(route.path, answer);
    },
  };
}

/** The route takes bytes at one fixed path and reads nothing from the URL. */
function isDirect({ method, path, body, query }: Route): boolean {
  return method === "POST" && body?.kind === "bytes" && query === undefined && !/[:*]/.test(path);
}

class DirectRequest implements IncomingRequest {
  readonly id: string;
  readonly raw: IncomingMessage;
  readonly params = noParameters;
  readonly #proxies: TrustedProxies;

  constructor(raw: IncomingMessage, id: string, proxies: TrustedProxies) {
    this.raw = raw;
    this.id = id;
    this.#proxies = proxies;
  }

  get method(): string {
    return this.raw.method ?? "";
  }

  get headers(): IncomingHttpHeaders {
    return this.raw.headers;
  }

  get ip(): string {
    return this.#proxies.addressOf(this.raw);
  }

  get repeatId(): string | undefined {
    return this.#proxies.repeatIdOf(this.raw);
  }
}
