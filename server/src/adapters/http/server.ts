import type { IncomingMessage, Server } from "node:http";
import type { AddressInfo } from "node:net";
import type { Duplex } from "node:stream";
import Fastify, { type FastifyInstance, type FastifyRequest } from "fastify";
import type { WeirError } from "../../core/errors.ts";
import type { Outage } from "../../core/ports/outage.ts";
import type { Route } from "../../core/ports/route.ts";
import { pause } from "../../timing/pause.ts";
import { type RequestObserver, routeAnswerer } from "./answer-route.ts";
import type { Authenticator } from "./authenticator.ts";
import { createByteBudget } from "./byte-budget.ts";
import { type TrustedProxies, trustedProxies } from "./client-address.ts";
import type { Connections } from "./connections.ts";
import { addCommonHeaders, commonHeaders } from "./cors.ts";
import { dashboardFiles, serveDashboard } from "./dashboard-files.ts";
import { directRoutes } from "./direct-routes.ts";
import { mountDocs } from "./docs-page.ts";
import { mountErrorPage } from "./error-page.ts";
import type { HttpLimits } from "./http-limits.ts";
import type { IncomingRequest } from "./incoming-request.ts";
import { listenStrictly } from "./listener.ts";
import { answerMissingRoutes, answerShadowedRoutes } from "./missing-routes.ts";
import { mountRoute, sendProblem } from "./mount-route.ts";
import { maxParameterLength } from "./path-parameters.ts";
import { asWeirError } from "./problems.ts";

export interface HttpServerOptions {
  readonly routes: readonly Route[];
  readonly authenticator: Authenticator;
  readonly observer: RequestObserver;
  readonly version: string;
  /** The folder of the dashboard's static export; it may be built after the start. */
  readonly dashboardFolder: string;
  readonly corsOrigins: readonly string[];
  /** Proxies whose X-Forwarded-For is trusted; none by default. */
  readonly trustedProxies: readonly string[];
  readonly limits: HttpLimits;
  /** Of the database: for the problems of requests that need it. */
  readonly outage?: Pick<Outage, "since" | "onBegin">;
}

export interface ListenOptions {
  readonly host: string;
  readonly port: number;
  /** The system distributes connections to all processes that listen on it like this. */
  readonly sharesPort?: boolean;
}

export interface HttpServer {
  /** The underlying server, for the WebSocket upgrade. */
  readonly server: Server;
  listen(at: ListenOptions): Promise<AddressInfo>;
  /** Answers on a connection that left HTTP, such as one whose upgrade is refused, and closes it. */
  refuse(socket: Duplex, problem: WeirError): void;
  /**
   * From now on each answer is the last of its connection. After `delayMs`, in which a balancer notices that the
   * process is not ready, no connection is accepted; then resolves.
   */
  stopAccepting(delayMs: number): Promise<void>;
  /** Resolves when the requests on the connections that are still open are answered, or after a bounded time. */
  settle(): Promise<void>;
  /** Stops accepting connections, waits a bounded time for running requests, then closes. */
  close(): Promise<void>;
}

const closePatienceMs = 1_000;
/** How long requests may run, or be on their way, after the last connection was accepted. */
const settlePatienceMs = 1_000;
const settlePollMs = 10;
/** In UTF-16 code units; `checkParameters` counts characters. */
const maxParamLength = 2 * maxParameterLength;

/** Builds the HTTP server. @throws when two routes have the same method and path, or a route has no name */
export async function createHttpServer(options: HttpServerOptions): Promise<HttpServer> {
  checkNames(options.routes);
  const { limits } = options;
  const nextId = requestIds();
  const headersFor = commonHeaders(options.corsOrigins);
  const proxies = trustedProxies(options.trustedProxies);
  const direct = directRoutes({ nextId, commonHeaders: headersFor, proxies });
  const state: { draining: boolean; closing: boolean; connections?: Connections } = {
    draining: false,
    closing: false,
  };
  const connections = () => {
    if (state.connections === undefined) throw new Error("the server is not created yet");
    return state.connections;
  };
  const app = Fastify({
    logger: false,
    serverFactory: (framework) => {
      const listener = listenStrictly({
        limits,
        nextId,
        headersFor,
        answer: direct.inFrontOf(framework),
        isDraining: () => state.draining,
        isClosing: () => state.closing,
      });
      state.connections = listener.connections;
      return listener.server;
    },
    // routes read the query themselves, strictly
    routerOptions: { ignoreTrailingSlash: true, maxParamLength, querystringParser: () => ({}) },
    forceCloseConnections: "idle",
    genReqId: nextId,
    clientErrorHandler: (error, socket) => connections().broken(socket, error),
    // URLs that the router refuses before any hook runs
    frameworkErrors: (error, request, reply) => {
      reply.headers(headersFor(request.headers.origin));
      sendProblem(reply, asWeirError(error), request.id);
    },
  });
  useNoBodyParsers(app);
  app.setErrorHandler((error, request, reply) =>
    sendProblem(reply, asWeirError(error), request.id),
  );
  addCommonHeaders(app, headersFor);
  answerMissingRoutes(app, dashboardFiles(options.dashboardFolder));

  mountErrorPage(app);
  await mountDocs(app, options);
  const answering = {
    authenticator: options.authenticator,
    observer: options.observer,
    connections,
    outage: options.outage,
    budgets: {
      known: createByteBudget(limits.bodyBytes),
      unknown: createByteBudget(limits.unknownBodyBytes),
    },
  };
  for (const route of options.routes) {
    const answer = routeAnswerer(route, answering);
    mountRoute(app, route, (request, response) => answer(behind(proxies, request), response));
    direct.add(route, answer);
  }
  answerShadowedRoutes(app, options.routes);
  await serveDashboard(app, options.dashboardFolder);
  await app.ready();

  return {
    server: app.server,
    async listen({ host, port, sharesPort }) {
      await app.listen({ host, port, ...(sharesPort === true ? { reusePort: true } : {}) });
      return app.server.address() as AddressInfo;
    },
    refuse: (socket, problem) => connections().refuse(socket, problem),
    async stopAccepting(delayMs) {
      state.draining = true;
      await pause(delayMs);
      // Node closes the idle connections with it; a new one that has not sent its request yet stays
      app.server.close();
    },
    async settle() {
      const deadline = performance.now() + settlePatienceMs;
      while (connections().unanswered > 0 && performance.now() < deadline)
        await pause(settlePollMs);
    },
    async close() {
      state.closing = true;
      // Idle keep-alive connections end now; the others get a moment to receive their answer.
      const patience = setTimeout(() => app.server.closeAllConnections(), closePatienceMs);
      await app.close();
      clearTimeout(patience);
    },
  };
}

/**
 * Fastify's parsers are off: they accept `text/plain`, decode invalid UTF-8 to U+FFFD and trust any
 * charset. `routeAnswerer` reads the stream itself, after the permission is decided.
 */
function useNoBodyParsers(app: FastifyInstance): void {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser("*", (_request: FastifyRequest, _payload: IncomingMessage, done) => {
    done(null, undefined);
  });
}

function checkNames(routes: readonly Route[]): void {
  const seen = new Set<string>();
  for (const route of routes) {
    if (!/^[a-z]+\.[a-z][a-z0-9_]*$/.test(route.view)) {
      throw new Error(`route ${route.method} ${route.path} has no name "<app>.<view_name>"`);
    }
    const address = `${route.method} ${route.path}`;
    if (seen.has(address)) throw new Error(`route ${address} is declared twice`);
    seen.add(address);
  }
}

/** A request of the framework, whose own rules for proxies are not used. */
function behind(
  proxies: TrustedProxies,
  { id, method, headers, raw, params }: Omit<IncomingRequest, "ip" | "repeatId">,
): IncomingRequest {
  const [ip, repeatId] = [proxies.addressOf(raw), proxies.repeatIdOf(raw)];
  return { id, method, headers, raw, params, ip, repeatId };
}

/** Cheap ids that are unique across processes: a prefix per start and a counter. */
function requestIds(): () => string {
  const prefix = `${process.pid.toString(36)}${Date.now().toString(36)}`;
  let next = 0;
  return () => `${prefix}-${(next++).toString(36)}`;
}
