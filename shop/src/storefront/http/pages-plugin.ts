import type { App, Reply, Request } from "../../foundation/http-app.ts";
import type { Logger } from "../../foundation/logger.ts";
import { ServiceRefusedError, ServiceUnavailableError } from "../../foundation/service-client.ts";
import type { Answer, Handler, PageAnswer, Shop } from "../answer.ts";
import { renderPage } from "../pages/layout.ts";
import { badFormPage, brokenPage, notFoundPage, unavailablePage } from "../pages/problem.ts";
import type { Site } from "../pages/site.ts";
import { csrfField, isOwnForm } from "../security/csrf.ts";
import { readVisit, type Visit, type VisitContext, visitCookies } from "../visit/visit.ts";
import { acceptedEncoding, compressPage } from "./compression.ts";
import { routes } from "./routes.ts";

export interface PagesOptions {
  readonly shop: Shop;
  readonly site: Site;
  readonly visits: VisitContext;
  readonly logger: Logger;
}

/** Mounts all pages. What fails inside is answered with a page, not with problem+json. */
export function mountPages(app: App, options: PagesOptions): void {
  app.register(async (pages) => {
    pages.removeAllContentTypeParsers();
    pages.addContentTypeParser(
      "application/x-www-form-urlencoded",
      { parseAs: "string" },
      (_request, body, done) => done(null, new URLSearchParams(String(body))),
    );
    pages.setErrorHandler((error, request, reply) =>
      answerError(options, error, { request, reply }),
    );
    for (const { method, path, handle, timeLimitMs } of routes) {
      pages.route({
        method,
        url: path,
        ...(timeLimitMs === undefined ? {} : { handlerTimeout: timeLimitMs }),
        handler: (request, reply) => answer(options, handle, { request, reply }),
      });
    }
  });
}

interface Exchange {
  readonly request: Request;
  readonly reply: Reply;
}

async function answer(options: PagesOptions, handle: Handler, exchange: Exchange): Promise<Reply> {
  const { shop, visits } = options;
  const { request } = exchange;
  const visit = visitOf(visits, request);
  const form = request.body instanceof URLSearchParams ? request.body : new URLSearchParams();
  if (request.method === "POST" && !isFormOf(visit, request, form)) {
    return send(options, exchange, { visit, answer: badFormPage(visit, 403) });
  }
  const found = await handle(shop, {
    visit,
    params: request.params as Record<string, string>,
    query: queryOf(request),
    form,
    address: request.ip,
  });
  return send(options, exchange, { visit, answer: found });
}

function visitOf(visits: VisitContext, { headers, method, url }: Request): Visit {
  // a form's own address is no page: what links back leads to the page of the form
  const page = /^\/(cart|checkout|sign-in)\b/.exec(url)?.[0] ?? "/";
  return readVisit(visits, headers, method === "POST" ? page : url);
}

function queryOf({ url }: Request): URLSearchParams {
  const at = url.indexOf("?");
  return new URLSearchParams(at < 0 ? "" : url.slice(at));
}

function isFormOf(visit: Visit, { headers }: Request, form: URLSearchParams): boolean {
  const fetchSite = headers["sec-fetch-site"];
  return isOwnForm({
    token: form.get(csrfField),
    expected: visit.csrf,
    origin: headers.origin,
    fetchSite: typeof fetchSite === "string" ? fetchSite : undefined,
    host: headers.host,
  });
}

interface Found {
  readonly visit: Visit;
  readonly answer: Answer;
}

async function send(
  { site, visits }: PagesOptions,
  { request, reply }: Exchange,
  { visit, answer: found }: Found,
): Promise<Reply> {
  const isPage = "content" in found;
  // a page shows what was left for it
  const shown = isPage && visit.flash !== undefined ? { flash: null } : {};
  const cookies = visitCookies(visits, visit, { ...shown, ...found.remember });
  reply.header("set-cookie", cookies).header("cache-control", "private, no-cache");
  if (!isPage) return reply.code(303).header("location", found.to).send("");
  reply.header("vary", "accept-encoding, accept-language, cookie");
  if (found.private === true) reply.header("referrer-policy", "no-referrer");
  if (found.status === 503) reply.header("retry-after", "5");
  const text = pageText(site, { visit, page: found, request });
  const encoding = acceptedEncoding(request.headers["accept-encoding"]);
  const compressed = await compressPage(Buffer.from(text), encoding);
  if (compressed.encoding !== undefined) reply.header("content-encoding", compressed.encoding);
  return reply.code(found.status).type("text/html; charset=utf-8").send(compressed.body);
}

interface Shown {
  readonly visit: Visit;
  readonly page: PageAnswer;
  readonly request: Request;
}

function pageText(site: Site, { visit, page, request }: Shown): string {
  const { title, content, events = [] } = page;
  const query = request.url.startsWith("/search") ? (queryOf(request).get("q") ?? "") : "";
  return renderPage(site, visit, { title, content, events, query: query.slice(0, 200) });
}

function answerError(options: PagesOptions, error: unknown, exchange: Exchange): Promise<Reply> {
  const { request } = exchange;
  const visit = visitOf(options.visits, request);
  const reply = (page: PageAnswer) => send(options, exchange, { visit, answer: page });
  if (error instanceof ServiceUnavailableError) {
    options.logger.warn({ service: error.service, reason: error.message }, "a page is unavailable");
    return reply(unavailablePage(visit, error.service));
  }
  // e.g. a cursor that a visitor has edited
  const refused = error instanceof ServiceRefusedError && [400, 404].includes(error.status);
  if (refused && request.method === "GET") return reply(notFoundPage(visit));
  const status = error instanceof Error && "statusCode" in error ? Number(error.statusCode) : 500;
  if (status >= 400 && status < 500) return reply(badFormPage(visit, status));
  const cause = error instanceof Error ? error.stack : String(error);
  options.logger.error({ request_id: request.id, cause }, "a page failed");
  return reply(brokenPage(visit));
}
