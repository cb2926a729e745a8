/** What the server answers where no route matches: OPTIONS, 405 with `Allow`, 404, 426. */
import { liveFeed } from "@weir/protocol";
import type { FastifyInstance } from "fastify";
import { WeirError } from "../../core/errors.ts";
import type { Route } from "../../core/ports/route.ts";
import { shadowedRoutes } from "./concrete-paths.ts";
import { createKnownPaths } from "./known-paths.ts";
import { sendProblem } from "./mount-route.ts";

/** The files that are served beside the routes: the dashboard. */
export interface Files {
  /** Whether GET at this decoded path finds a page or a file. */
  has(path: string): boolean;
}

const base = "http://weir.invalid";
const everyMethod = "DELETE, GET, HEAD, OPTIONS, PATCH, POST, PUT";

/**
 * Answers requests without a route as soon as the router has found none, before Fastify looks at
 * their bodies; it fails with a 500 for methods that it does not know. GET and HEAD outside the API
 * continue to the files of the dashboard. Call it before routes are mounted, so that it sees them all.
 */
export function answerMissingRoutes(app: FastifyInstance, files: Files): void {
  const paths = createKnownPaths();
  app.addHook("onRoute", ({ method, url, config }) => {
    if (config === notAllowedConfig) return;
    for (const one of [method].flat()) paths.add(one, url);
  });
  app.addHook("onRequest", (request, reply, done) => {
    if (!request.is404) {
      done();
      return;
    }
    const { method } = request;
    const target = request.raw.url ?? "/";
    const path = decodePath(target);
    const encoded = path === undefined ? undefined : urlOf(target).pathname;
    const allowed = path === undefined || encoded === undefined ? [] : allowedAt(path, encoded);
    const isOptions = method === "OPTIONS";
    if (isOptions && (allowed.length > 0 || target === "*")) {
      reply
        .code(204)
        .header("allow", allowed.join(", ") || everyMethod)
        .send();
      return;
    }
    if (path === liveFeed.path && method === "GET") {
      sendProblem(reply, upgradeRequired(), request.id);
      return;
    }
    if (allowed.length > 0 && !allowed.includes(method)) {
      sendProblem(reply, notAllowed(method, allowed), request.id);
      return;
    }
    const isPage = method === "GET" || method === "HEAD";
    if (isPage && path !== undefined && !isApi(path)) {
      done();
      return;
    }
    sendProblem(reply, notFound(method, encoded), request.id);
  });

  function allowedAt(path: string, encoded: string): readonly string[] {
    if (path === liveFeed.path) return ["GET", "OPTIONS"];
    const methods = paths.methodsAt(encoded);
    if (methods.length > 0) return methods;
    return !isApi(path) && files.has(path) ? ["GET", "HEAD", "OPTIONS"] : [];
  }

  function notFound(method: string, encoded: string | undefined): WeirError {
    const near = encoded === undefined ? undefined : paths.nearest(method, encoded);
    return new WeirError("not_found", {
      detail:
        near === undefined
          ? "there is no route at this path; see /docs for all of them"
          : `there is no route at this path. Did you mean ${near}?`,
    });
  }
}

/** Marks a route that only says that its method is not allowed. */
const notAllowedConfig = {};

/** Answers 405 where a concrete path would get a method from a route with parameters. */
export function answerShadowedRoutes(app: FastifyInstance, routes: readonly Route[]): void {
  for (const { method, path, allowed } of shadowedRoutes(routes)) {
    app.route({
      method: method === "GET" ? ["GET", "HEAD"] : method,
      url: path,
      exposeHeadRoute: false,
      config: notAllowedConfig,
      handler: (request, reply) =>
        sendProblem(reply, notAllowed(request.method, allowed), request.id),
    });
  }
}

function notAllowed(method: string, allowed: readonly string[]): WeirError {
  const allow = allowed.join(", ");
  return new WeirError("method_not_allowed", {
    detail: `${method.slice(0, 20)} is not supported here; this path accepts ${allow}`,
    headers: { allow },
  });
}

function upgradeRequired(): WeirError {
  return new WeirError("upgrade_required", {
    detail: "open this path with a WebSocket client",
    headers: { upgrade: "websocket", connection: "upgrade, close" },
  });
}

function isApi(path: string): boolean {
  return /^\/(api|v1|ws|health|healthz|metrics|cloudevents|openapi\.json)(\/|$)/.test(path);
}

/** A target that starts with two slashes is a path too, although a URL would read a host there. */
function urlOf(target: string): URL {
  return new URL(target.startsWith("/") ? base + target : target, base);
}

/** The decoded path of a request target, or undefined when it cannot be one. */
export function decodePath(target: string): string | undefined {
  try {
    const path = decodeURIComponent(urlOf(target).pathname);
    return path.includes("\0") || path.split("/").includes("..") ? undefined : path;
  } catch {
    return undefined;
  }
}
