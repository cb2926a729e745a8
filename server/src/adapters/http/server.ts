import { createServer, type IncomingMessage, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import fastifySwagger from "@fastify/swagger";
import fastifySwaggerUi from "@fastify/swagger-ui";
import Fastify, { type FastifyInstance, type FastifyRequest } from "fastify";
import { WeirError } from "../../core/errors.ts";
import type { Route } from "../../core/ports/route.ts";
import { type RequestObserver, routeAnswerer } from "./answer-route.ts";
import type { Authenticator } from "./authenticator.ts";
import { addCommonHeaders, commonHeaders } from "./cors.ts";
import { serveDashboard } from "./dashboard-files.ts";
import { directRoutes } from "./direct-routes.ts";
import { mountErrorPage } from "./error-page.ts";
import { mountRoute, sendProblem } from "./mount-route.ts";
import { openApiDocument } from "./openapi.ts";
import { asWeirError, problemAnswer } from "./problems.ts";

export interface HttpServerOptions {
  readonly routes: readonly Route[];
  readonly authenticator: Authenticator;
  readonly observer: RequestObserver;
  readonly version: string;
  /** Where the dashboard's static export lies or will lie. */
  readonly dashboardFolder: string;
  readonly corsOrigins: readonly string[];
  /** Proxies whose X-Forwarded-For is believed; none by default. */
  readonly trustedProxies: readonly string[];
  readonly requestTimeoutMs: number;
}

export interface HttpServer {
  /** The underlying server, for the WebSocket upgrade. */
  readonly server: Server;
  listen(host: string, port: number): Promise<AddressInfo>;
  /** Stops taking connections, lets running requests end (bounded), then closes. */
  close(): Promise<void>;
}

const closePatienceMs = 1_000;

/** Builds the HTTP shell. @throws when two routes share a name or a route has none. */
export async function createHttpServer(options: HttpServerOptions): Promise<HttpServer> {
  checkNames(options.routes);
  const nextId = requestIds();
  const headersFor = commonHeaders(options.corsOrigins);
  const direct = directRoutes({ nextId, commonHeaders: headersFor });
  const app = Fastify({
    logger: false,
    trustProxy: options.trustedProxies.length === 0 ? false : [...options.trustedProxies],
    serverFactory: (framework) =>
      createServer(
        {
          requestTimeout: options.requestTimeoutMs,
          keepAliveTimeout: 65_000,
        },
        direct.inFrontOf(framework),
      ),
    routerOptions: { ignoreTrailingSlash: true, maxParamLength: 512 },
    forceCloseConnections: "idle",
    genReqId: nextId,
    clientErrorHandler: (error, socket) => {
      if (!socket.writable) return;
      const timedOut = error.code === "ERR_HTTP_REQUEST_TIMEOUT";
      const answer = problemAnswer(
        new WeirError(timedOut ? "request_timeout" : "malformed_request"),
      );
      const head = Object.entries(answer.headers).map(([name, value]) => `${name}: ${value}\r\n`);
      socket.end(
        `HTTP/1.1 ${answer.status} ${timedOut ? "Request Timeout" : "Bad Request"}\r\n${head.join("")}content-length: ${Buffer.byteLength(answer.body)}\r\nconnection: close\r\n\r\n${answer.body}`,
      );
    },
  });
  takeOverBodies(app);
  app.setErrorHandler((error, request, reply) =>
    sendProblem(reply, asWeirError(error), request.id),
  );
  addCommonHeaders(app, headersFor);

  await mountDocs(app, options);
  for (const route of options.routes) {
    const answer = routeAnswerer(route, options);
    mountRoute(app, route, answer);
    // whose word to take for the client's address is Fastify's to say
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
      direct.stop();
      // Keep-alive connections without a request end now; the rest gets a moment to take its answer.
      const patience = setTimeout(() => app.server.closeAllConnections(), closePatienceMs);
      await app.close();
      clearTimeout(patience);
    },
  };
}

/**
 * Fastify's parsers are off: they take `text/plain`, decode invalid UTF-8 to U+FFFD and believe any
 * charset. `mountRoute` reads the stream itself, after the permission is decided.
 */
function takeOverBodies(app: FastifyInstance): void {
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

/** The dashboard's sign with the name beside it; the plugin's own would be its framework's. */
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

/** Ids that tell processes apart and cost nothing: a start prefix and a counter. */
function requestIds(): () => string {
  const prefix = `${process.pid.toString(36)}${Date.now().toString(36)}`;
  let next = 0;
  return () => `${prefix}-${(next++).toString(36)}`;
}
