/** Node's HTTP server with its leniencies closed: what reaches `answer` is a well-formed request in time. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { WeirError } from "../../core/errors.ts";
import { type Connections, connectionCheckMs, followConnections } from "./connections.ts";
import type { CommonHeaders } from "./direct-routes.ts";
import type { HttpLimits } from "./http-limits.ts";
import { problemAnswer } from "./problems.ts";
import { refusalOf } from "./refuse-request.ts";
import { writeAnswer } from "./write-answer.ts";

export interface ListenerOptions {
  readonly limits: HttpLimits;
  readonly nextId: () => string;
  readonly headersFor: CommonHeaders;
  readonly answer: (request: IncomingMessage, response: ServerResponse) => void;
  /** The process is about to end: every answer closes its connection. */
  readonly isDraining: () => boolean;
  readonly isClosing: () => boolean;
}

/** Connections beyond the limit that are answered 503 at the same time; further ones are dropped. */
const refusedAtOnce = 100;

export function listenStrictly(options: ListenerOptions): {
  readonly server: Server;
  readonly connections: Connections;
} {
  const { limits, nextId, headersFor } = options;
  const server: Server = createServer({
    requestTimeout: limits.requestTimeoutMs,
    headersTimeout: limits.requestTimeoutMs,
    connectionsCheckingInterval: connectionCheckMs,
    keepAliveTimeout: limits.keepAliveMs,
    // also when NODE_OPTIONS asks for the lenient parser
    insecureHTTPParser: false,
    // Node would answer without a body; refusalOf answers with a problem document
    requireHostHeader: false,
    shouldUpgradeCallback: (request) =>
      server.listenerCount("upgrade") > 0 &&
      isWebSocket(request) &&
      refusalOf(request) === undefined &&
      // the handshake must not overtake the answers to earlier requests
      !connections.isBusy(request.socket),
  });
  // refusalOf counts them; Node's own limit would drop the rest without a word
  server.maxHeadersCount = 0;
  server.maxConnections = limits.maxConnections + refusedAtOnce;
  // A client that closes its side, as `nc -N` does, still reads its answers. Not in Node's types.
  (server as Server & { httpAllowHalfOpen: boolean }).httpAllowHalfOpen = true;
  const connections = followConnections(server, {
    maxConnections: limits.maxConnections,
    stallMs: limits.requestTimeoutMs,
  });

  const refuse = (request: IncomingMessage, response: ServerResponse, error: WeirError) => {
    const { status, headers, body } = problemAnswer(error, { requestId: nextId() });
    connections.endAfter(request);
    const answer = { status, headers: { ...headers, connection: "close" }, body };
    writeAnswer(response, answer, headersFor(request.headers.origin));
  };
  const onRequest = (request: IncomingMessage, response: ServerResponse) => {
    if (!connections.enter(request, response)) return;
    const refusal = options.isClosing() ? shuttingDown() : refusalOf(request);
    if (refusal !== undefined) {
      refuse(request, response, refusal);
      return;
    }
    if (options.isDraining()) {
      response.shouldKeepAlive = false;
      connections.endAfter(request);
    }
    options.answer(request, response);
  };
  server.on("request", onRequest);
  // the reader of the body asks for it (body.ts)
  server.on("checkContinue", onRequest);
  server.on("checkExpectation", (request, response) => {
    if (!connections.enter(request, response)) return;
    const detail = 'the only expectation supported is "100-continue"';
    refuse(request, response, new WeirError("expectation_failed", { detail }));
  });
  server.on("connect", (_request, socket) => {
    const detail = "Weir is no proxy: CONNECT is not supported";
    connections.refuse(socket, new WeirError("not_implemented", { detail }));
  });
  return { server, connections };
}

/** Clients that offer another protocol on plain requests (h2c) continue in HTTP/1.1. */
function isWebSocket({ headers, method }: IncomingMessage): boolean {
  return method === "GET" && headers.upgrade?.toLowerCase() === "websocket";
}

function shuttingDown(): WeirError {
  return new WeirError("unavailable", { detail: "the server is shutting down; try again" });
}
