import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { Duplex } from "node:stream";
import fastifySwagger from "@fastify/swagger";
import fastifySwaggerUi from "@fastify/swagger-ui";
import Fastify, { type FastifyInstance, type FastifyRequest } from "fastify";
import { WeirError } from "../../core/errors.ts";
import type { Route } from "../../core/ports/route.ts";
import { type RequestObserver, routeAnswerer } from "./answer-route.ts";
import type { Authenticator } from "./authenticator.ts";
import { answerClientError, endWith } from "./broken-connection.ts";
import { addCommonHeaders, commonHeaders } from "./cors.ts";
import { dashboardFiles, serveDashboard } from "./dashboard-files.ts";
import { directRoutes } from "./direct-routes.ts";
import { mountErrorPage } from "./error-page.ts";
import { answerMissingRoutes } from "./missing-routes.ts";
import { mountRoute, sendProblem } from "./mount-route.ts";
import { openApiDocument } from "./openapi.ts";
import { asWeirError, problemAnswer } from "./problems.ts";
import { refusalOf } from "./refuse-request.ts";
import { writeAnswer } from "./write-answer.ts";

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
  readonly requestTimeoutMs: number;
}

export interface HttpServer {
  /** The underlying server, for the WebSocket upgrade. */
  readonly server: Server;
  listen(host: string, port: number): Promise<AddressInfo>;
  /** Stops accepting connections, waits a bounded time for running requests, then closes. */
  close(): Promise<void>;
}

const closePatienceMs = 1_000;
/** Characters of a path parameter; ids are shorter (limits.keyLength). */
const maxParamLength = 512;

/** Builds the HTTP server. @throws when two routes have the same method and path, or a route has no name */
export async function createHttpServer(options: HttpServerOptions): Promise<HttpServer> {
  checkNames(options.routes);
  const nextId = requestIds();
  const headersFor = commonHeaders(options.corsOrigins);
  const direct = directRoutes({ nextId, commonHeaders: headersFor });
  let closing = false;
  /** Connections that end with the problem document already written to them. */
  const ending = new WeakSet<Duplex>();
  const writeProblem = (request: IncomingMessage, response: ServerResponse, error: WeirError) => {
    const { status, headers, body } = problemAnswer(error, nextId());
    const answer = { status, headers: { ...headers, connection: "close" }, body };
    ending.add(request.socket);
    writeAnswer(response, answer, headersFor(request.headers.origin));
  };
  const app = Fastify({
    logger: false,
    trustProxy: options.trustedProxies.length === 0 ? false : [...options.trustedProxies],
    serverFactory: (framework) => {
      const routed = direct.inFrontOf(framework);
      const server = createServer(
        {
          requestTimeout: options.requestTimeoutMs,
          keepAliveTimeout: 65_000,
          // Node would answer without a body; refusalOf answers with a problem document
          requireHostHeader: false,
        },
        (request, response) => {
          const refusal = closing ? shuttingDown() : refusalOf(request);
          if (refusal === undefined) routed(request, response);
          else writeProblem(request, response, refusal);
        },
      );
      server.on("checkExpectation", (request, response) => {
        const detail = 'the only expectation supported is "100-continue"';
        writeProblem(request, response, new WeirError("expectation_failed", { detail }));
      });
      server.on("connect", (_request, socket) => {
        const detail = "Weir is no proxy: CONNECT is not supported";
        endWith(socket, new WeirError("not_implemented", { detail }));
      });
      return server;
    },
    routerOptions: { ignoreTrailingSlash: true, maxParamLength },
    forceCloseConnections: "idle",
    genReqId: nextId,
    clientErrorHandler: (error, socket) => {
      if (!ending.has(socket)) answerClientError(error, socket);
    },
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

  await mountDocs(app, options);
  for (const route of options.routes) {
    const answer = routeAnswerer(route, options);
    mountRoute(app, route, answer);
    // with trusted proxies, Fastify decides which address is the client's
    if (options.trustedProxies.length === 0) direct.add(route, answer);
  }
  await serveDashboard(app, options.dashboardFolder);
  await app.ready();

  return {
    server: app.server,
    async listen(host, port) {
      await app.listen({ host, port });
      return app.server.address() as AddressInfo;
    },
    async close() {
      closing = true;
      // Idle keep-alive connections end now; the others get a moment to receive their answer.
      const patience = setTimeout(() => app.server.closeAllConnections(), closePatienceMs);
      await app.close();
      clearTimeout(patience);
    },
  };
}

function shuttingDown(): WeirError {
  return new WeirError("unavailable", { detail: "the server is shutting down; try again" });
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

async function mountDocs(app: FastifyInstance, options: HttpServerOptions): Promise<void> {
  const document = openApiDocument(options.routes, options.version);
  const text = JSON.stringify(document, null, 2);
  app.get("/openapi.json", (_request, reply) => {
    reply.header("content-type", "application/json; charset=utf-8").send(text);
  });
  mountErrorPage(app);
  await app.register(fastifySwagger, {
    mode: "static",
    specification: { document: document as never },
  });
  await app.register(fastifySwaggerUi, {
    routePrefix: "/docs",
    staticCSP: true,
    uiConfig: { docExpansion: "list", tryItOutEnabled: true, persistAuthorization: false },
    theme: { title: "Weir API" },
    logo: { type: "image/svg+xml", content: Buffer.from(docsLogo), href: "/", target: "_self" },
  });
}

/** The dashboard's logo with the name; the plugin would show its own. */
const docsLogo = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 116 32" height="40"><rect width="32" height="32" rx="7" fill="#0a655e"/><path d="M5 11h9c4 0 3.5 8 8 8h5M5 16h7c4.5 0 3.5 8 8 8h7" fill="none" stroke="#f7f6f2" stroke-width="2.6" stroke-linecap="round"/><text x="42" y="24" fill="#f7f6f2" font-family="system-ui, sans-serif" font-size="24" font-weight="600">Weir</text></svg>`;

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

/** Cheap ids that are unique across processes: a prefix per start and a counter. */
function requestIds(): () => string {
  const prefix = `${process.pid.toString(36)}${Date.now().toString(36)}`;
  let next = 0;
  return () => `${prefix}-${(next++).toString(36)}`;
}
