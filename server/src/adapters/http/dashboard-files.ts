import { createHash } from "node:crypto";
import { existsSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import fastifyStatic from "@fastify/static";
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { WeirError } from "../../core/errors.ts";
import { decodePath, type Files } from "./missing-routes.ts";
import { sendProblem } from "./mount-route.ts";

interface Page {
  readonly html: Buffer;
  /** The same page, compressed by the build. */
  readonly brotli: Buffer | undefined;
  readonly policy: string;
  readonly changedMs: number;
}

/**
 * Serves the dashboard's static export. Its HTML carries inline bootstrap scripts; each page's
 * Content-Security-Policy names exactly their hashes, so no other inline script can ever run.
 * Until the export exists (the first start builds it), a page says so and reloads itself. Callers
 * that do not ask for HTML get problem documents.
 */
export async function serveDashboard(app: FastifyInstance, folder: string): Promise<void> {
  const pages = new Map<string, Page>();
  await app.register(fastifyStatic, {
    root: folder,
    serve: false,
    // The folder may be built after the server has started.
    schemaHide: true,
    cacheControl: false,
    preCompressed: true,
  });

  const sendPage = (reply: FastifyReply, path: string, status: number) => {
    const page = readPage(pages, path);
    reply.code(status).headers({
      "content-type": "text/html; charset=utf-8",
      "content-security-policy": page.policy,
      "cache-control": "no-cache",
      vary: "Accept-Encoding",
    });
    const accepts = reply.request.headers["accept-encoding"] ?? "";
    if (page.brotli === undefined || !/\bbr\b/.test(accepts)) return reply.send(page.html);
    return reply.header("content-encoding", "br").send(page.brotli);
  };

  // Only GET and HEAD outside the API come here: missing-routes.ts answers everything else.
  app.setNotFoundHandler((request: FastifyRequest, reply: FastifyReply) => {
    const path = decodePath(request.raw.url ?? "/");
    if (path === undefined) return sendProblem(reply, new WeirError("not_found"), request.id);
    const wantsPage = /\btext\/html\b/.test(request.headers.accept ?? "");
    if (!existsSync(join(folder, "index.html"))) {
      if (path.includes(".")) return sendProblem(reply, new WeirError("not_found"), request.id);
      return wantsPage ? sendBuildingPage(reply) : sendProblem(reply, beingBuilt(), request.id);
    }
    // Browsers ask for it on pages that cannot name another, such as /docs and /metrics.
    if (path === "/favicon.ico" && existsSync(join(folder, "icon.svg"))) {
      return reply.header("cache-control", "no-cache").sendFile("icon.svg");
    }
    const page = pageAt(folder, path);
    if (page !== undefined) return sendPage(reply, page, 200);
    if (isFile(folder, path)) {
      const immutable = path.startsWith("/_next/static/");
      reply.header("cache-control", immutable ? "public, max-age=31536000, immutable" : "no-cache");
      return reply.sendFile(path);
    }
    const missing = join(folder, "404.html");
    if (wantsPage && existsSync(missing)) return sendPage(reply, missing, 404);
    return sendProblem(reply, new WeirError("not_found"), request.id);
  });
}

/** What the dashboard's export has, for the 405 of other methods. */
export function dashboardFiles(folder: string): Files {
  return { has: (path) => pageAt(folder, path) !== undefined || isFile(folder, path) };
}

function pageAt(folder: string, path: string): string | undefined {
  const page = join(folder, path, "index.html");
  return existsSync(page) ? page : undefined;
}

function isFile(folder: string, path: string): boolean {
  const file = join(folder, path);
  return !/\.(html|br|gz)$/.test(path) && existsSync(file) && statSync(file).isFile();
}

function beingBuilt(): WeirError {
  return new WeirError("unavailable", {
    detail: "the dashboard is being built; it takes about half a minute",
    retryAfterSeconds: 2,
  });
}

function readPage(pages: Map<string, Page>, path: string): Page {
  const changedMs = statSync(path).mtimeMs;
  const known = pages.get(path);
  if (known?.changedMs === changedMs) return known;
  const html = readFileSync(path);
  const brotli = existsSync(`${path}.br`) ? readFileSync(`${path}.br`) : undefined;
  const page = { html, brotli, policy: contentSecurityPolicy(html.toString("utf8")), changedMs };
  pages.set(path, page);
  return page;
}

/** A policy that allows this origin and the page's own inline scripts by hash; nothing else. */
function contentSecurityPolicy(html: string): string {
  const hashes = new Set<string>();
  for (const [, script = ""] of html.matchAll(
    /<script(?![^>]*\ssrc=)[^>]*>([\s\S]*?)<\/script>/g,
  )) {
    hashes.add(`'sha256-${createHash("sha256").update(script).digest("base64")}'`);
  }
  return [
    "default-src 'none'",
    `script-src 'self' ${[...hashes].join(" ")}`.trim(),
    "style-src 'self'",
    "img-src 'self' data:",
    "font-src 'self'",
    "connect-src 'self'",
    "manifest-src 'self'",
    "base-uri 'none'",
    "form-action 'self'",
    "frame-ancestors 'none'",
  ].join("; ");
}

const buildingStyle =
  "body{font:16px/1.5 system-ui,sans-serif;max-width:34rem;margin:18vh auto;padding:0 1.5rem;color:#17202a;background:#fbfaf8}@media(prefers-color-scheme:dark){body{color:#e8e6e1;background:#14171a}}code{font-size:.9em}";
const buildingHtml = `<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><meta http-equiv="refresh" content="2"><title>Weir is starting</title><style>${buildingStyle}</style></head><body><h1>Weir is running.</h1><p>The dashboard is being built, once, for this version. This takes about half a minute; then this page reloads itself.</p><p>The API is already available: <a href="/docs">/docs</a></p></body></html>`;
const buildingPolicy = `default-src 'none'; style-src 'sha256-${createHash("sha256").update(buildingStyle).digest("base64")}'; frame-ancestors 'none'`;

function sendBuildingPage(reply: FastifyReply): FastifyReply {
  return reply
    .code(503)
    .headers({
      "content-type": "text/html; charset=utf-8",
      "content-security-policy": buildingPolicy,
      "cache-control": "no-store",
      "retry-after": "2",
    })
    .send(buildingHtml);
}
