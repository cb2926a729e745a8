import { createHash } from "node:crypto";
import { existsSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import fastifyStatic from "@fastify/static";
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { WeirError } from "../../core/errors.ts";
import { sendProblem } from "./mount-route.ts";

interface Page {
  readonly html: Buffer;
  /** The same, as the build left it beside the page. */
  readonly brotli: Buffer | undefined;
  readonly policy: string;
  readonly changedMs: number;
}

/**
 * Serves the dashboard's static export. Its HTML carries inline bootstrap scripts; each page's
 * Content-Security-Policy names exactly their hashes, so no other inline script can ever run.
 * While the export does not exist yet (the first start builds it) a page says so and reloads.
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

  app.setNotFoundHandler((request: FastifyRequest, reply: FastifyReply) => {
    const path = decodePath(request.raw.url ?? "/");
    const isPage = request.method === "GET" || request.method === "HEAD";
    if (!isPage || path === undefined || isApi(path)) {
      return sendProblem(reply, new WeirError("not_found"), request.id);
    }
    if (!existsSync(join(folder, "index.html"))) {
      if (path.includes(".")) return sendProblem(reply, new WeirError("not_found"), request.id);
      return sendBuildingPage(reply);
    }
    // Browsers ask for it on pages that cannot name another, such as /docs and /metrics.
    if (path === "/favicon.ico" && existsSync(join(folder, "icon.svg"))) {
      return reply.header("cache-control", "no-cache").sendFile("icon.svg");
    }
    const page = join(folder, path, "index.html");
    if (existsSync(page)) return sendPage(reply, page, 200);
    const file = join(folder, path);
    if (existsSync(file) && statSync(file).isFile() && !/\.(html|br|gz)$/.test(path)) {
      const immutable = path.startsWith("/_next/static/");
      reply.header("cache-control", immutable ? "public, max-age=31536000, immutable" : "no-cache");
      return reply.sendFile(path);
    }
    const missing = join(folder, "404.html");
    if (existsSync(missing)) return sendPage(reply, missing, 404);
    return sendProblem(reply, new WeirError("not_found"), request.id);
  });
}

function isApi(path: string): boolean {
  return /^\/(api|v1|ws|health|healthz|metrics|cloudevents|openapi\.json)(\/|$)/.test(path);
}

/** The decoded path, or undefined when it tries to leave the folder. */
function decodePath(url: string): string | undefined {
  try {
    const path = decodeURIComponent(new URL(url, "http://weir.invalid").pathname);
    return path.includes("\0") || path.split("/").includes("..") ? undefined : path;
  } catch {
    return undefined;
  }
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
const buildingHtml = `<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><meta http-equiv="refresh" content="2"><title>Weir is starting</title><style>${buildingStyle}</style></head><body><h1>Weir is running.</h1><p>The dashboard is being built, once, for this version. This page turns into it by itself; it takes about half a minute.</p><p>The API answers already: <a href="/docs">/docs</a></p></body></html>`;
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
