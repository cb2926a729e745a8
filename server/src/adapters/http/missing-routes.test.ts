import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import {
  allowedOrigin,
  readAnswer,
  serveRoutes,
  speak,
} from "../../../test/helpers/http-server.ts";
import type { Route } from "../../core/ports/route.ts";

function route(method: Route["method"], path: string, body?: unknown): Route {
  const view = `events.${method.toLowerCase()}${path.replace(/\W+/g, "_")}x` as Route["view"];
  const handle = async () => ({ status: 200, body: body ?? { path } });
  return { method, path, view, access: "public", summary: path, responses: {}, handle };
}

let rowsRead = 0;
async function* rows(): AsyncGenerator<string> {
  for (const row of ["a,b\n", "1,2\n"]) {
    rowsRead++;
    yield row;
  }
}

const routes: Route[] = [
  route("GET", "/api/events"),
  route("POST", "/api/events/"),
  route("POST", "/api/events/batch"),
  route("GET", "/api/events/:id"),
  route("GET", "/api/users/:id/events"),
  route("GET", "/api/services"),
  route("POST", "/api/services"),
  route("PATCH", "/api/services/:name"),
  route("POST", "/v1/track"),
  { ...route("GET", "/api/rows"), handle: async () => ({ status: 200, body: rows() }) },
];

function dashboard(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), "weir-dashboard-"));
  t.after(() => rmSync(folder, { recursive: true }));
  mkdirSync(join(folder, "live"));
  writeFileSync(join(folder, "index.html"), "<!doctype html><title>Overview</title>");
  writeFileSync(join(folder, "live/index.html"), "<!doctype html><title>Live</title>");
  writeFileSync(join(folder, "404.html"), "<!doctype html><title>Not here</title>");
  writeFileSync(join(folder, "icon.svg"), "<svg/>");
  return folder;
}

async function askedOf(t: TestContext, folder = "/nowhere") {
  const { port } = await serveRoutes(t, { routes, dashboardFolder: folder });
  return async (method: string, target: string, headers: Record<string, string> = {}) => {
    const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
    const head = `${method} ${target} HTTP/1.1\r\nhost: weir\r\nconnection: close\r\n`;
    return readAnswer(await speak(port, `${head}${lines.join("")}\r\n`));
  };
}

test("HEAD gives the status and headers of GET, Content-Length included, and no body", async (t) => {
  const ask = await askedOf(t, dashboard(t));
  const targets = [
    "/api/events",
    "/api/events/7?x=1",
    "/openapi.json",
    "/asyncapi.json",
    "/docs/errors",
    "/live/",
    "/",
  ];
  for (const target of targets) {
    const get = await ask("GET", target);
    const head = await ask("HEAD", target);
    const { date: _, ...expected } = get.headers;
    const { date: __, ...actual } = head.headers;
    assert.deepEqual([head.status, actual], [get.status, expected], target);
    assert.equal(Number(head.headers["content-length"]), Buffer.byteLength(get.body, "latin1"));
    assert.equal(head.body, "", target);
  }
});

test("HEAD of a streamed answer has no length and reads none of its rows", async (t) => {
  const ask = await askedOf(t);
  const get = await ask("GET", "/api/rows");
  assert.equal(get.headers["transfer-encoding"], "chunked");
  rowsRead = 0;
  const head = await ask("HEAD", "/api/rows");
  assert.deepEqual([head.status, head.body, rowsRead], [200, "", 0]);
  assert.equal(head.headers["content-length"], undefined);
});

test("a wrong method is a 405 whose Allow names all methods of the path", async (t) => {
  const ask = await askedOf(t, dashboard(t));
  const cases: readonly (readonly [method: string, target: string, allow: string])[] = [
    ["DELETE", "/api/events/", "GET, HEAD, OPTIONS, POST"],
    ["DELETE", "/api/events", "GET, HEAD, OPTIONS, POST"],
    ["PUT", "/api/events/batch", "OPTIONS, POST"],
    ["GET", "/api/events/batch", "OPTIONS, POST"],
    ["HEAD", "/api/events/batch/", "OPTIONS, POST"],
    ["POST", "/api/events/7?from=x", "GET, HEAD, OPTIONS"],
    ["GET", "/v1/track", "OPTIONS, POST"],
    ["HEAD", "/v1/track", "OPTIONS, POST"],
    ["QUERY", "/v1/track", "OPTIONS, POST"],
    ["TRACE", "/api/services", "GET, HEAD, OPTIONS, POST"],
    ["PROPFIND", "/api/services/a%2Fb", "OPTIONS, PATCH"],
    ["GET", "/api/%73ervices/x", "OPTIONS, PATCH"],
    ["POST", "/openapi.json", "GET, HEAD, OPTIONS"],
    ["POST", "/asyncapi.json", "GET, HEAD, OPTIONS"],
    ["DELETE", "/docs", "GET, HEAD, OPTIONS"],
    ["POST", "/live/", "GET, HEAD, OPTIONS"],
    ["PUT", "/icon.svg", "GET, HEAD, OPTIONS"],
    ["POST", "/ws/events", "GET, OPTIONS"],
  ];
  for (const [method, target, allow] of cases) {
    const answer = await ask(method, target);
    assert.deepEqual([answer.status, answer.headers["allow"]], [405, allow], `${method} ${target}`);
    if (method === "HEAD") continue;
    const { code, detail } = JSON.parse(answer.body);
    assert.equal(code, "method_not_allowed");
    assert.equal(detail, `${method} is not supported here; this path accepts ${allow}`);
  }
});

test("a wrong method is a 405 before its content type is looked at", async (t) => {
  const ask = await askedOf(t);
  const headers = { "content-type": "none", "content-length": "0" };
  assert.equal((await ask("DELETE", "/api/events/", headers)).status, 405);
});

test("OPTIONS names the methods of a path, of the server for *, and nothing for an unknown path", async (t) => {
  const ask = await askedOf(t);
  const known = await ask("OPTIONS", "/api/services");
  assert.deepEqual(
    [known.status, known.headers["allow"], known.body],
    [204, "GET, HEAD, OPTIONS, POST", ""],
  );
  const server = await ask("OPTIONS", "*");
  assert.deepEqual(
    [server.status, server.headers["allow"]],
    [204, "DELETE, GET, HEAD, OPTIONS, PATCH, POST, PUT"],
  );
  assert.equal((await ask("OPTIONS", "/api/nothing")).status, 404);
});

test("a preflight request of an allowed origin is still answered for CORS", async (t) => {
  const ask = await askedOf(t);
  const answer = await ask("OPTIONS", "/api/events/", { origin: allowedOrigin });
  assert.deepEqual(
    [answer.status, answer.headers["access-control-allow-methods"]],
    [204, "GET, POST"],
  );
});

test("an unknown path is a 404 that suggests the nearest route", async (t) => {
  const ask = await askedOf(t);
  const cases: readonly (readonly [method: string, target: string, suggestion?: string])[] = [
    ["POST", "/api/event", "POST /api/events/"],
    ["GET", "/api/event", "GET /api/events"],
    ["POST", "/api/event/batch", "POST /api/events/batch"],
    ["POST", "/v1/trak", "POST /v1/track"],
    ["GET", "/api/user/7/events", "GET /api/users/{id}/events"],
    ["PATCH", "/api/service/shop", "PATCH /api/services/{name}"],
    ["POST", "/api/Events", "POST /api/events/"],
    ["GET", "/api/nothing/like/this"],
    ["GET", `/api/${"x".repeat(2_000)}`],
  ];
  for (const [method, target, suggestion] of cases) {
    const answer = await ask(method, target);
    assert.equal(answer.status, 404, target);
    const { code, detail } = JSON.parse(answer.body);
    const hint = /Did you mean (.*)\?$/.exec(detail)?.[1];
    assert.deepEqual([code, hint], ["not_found", suggestion], `${method} ${target}`);
  }
});

test("a path without its /api is found for the suggestion", async (t) => {
  const ask = await askedOf(t, dashboard(t));
  const answer = await ask("POST", "/events");
  assert.match(JSON.parse(answer.body).detail, /Did you mean POST \/api\/events\/\?/);
});

test("browsers get the dashboard's page for an unknown path, other callers a problem document", async (t) => {
  const ask = await askedOf(t, dashboard(t));
  const page = await ask("GET", "/nothing", { accept: "text/html,*/*;q=0.8" });
  assert.deepEqual([page.status, page.headers["content-type"]], [404, "text/html; charset=utf-8"]);
  const problem = await ask("GET", "/nothing", { accept: "*/*" });
  assert.deepEqual(
    [problem.status, problem.headers["content-type"]],
    [404, "application/problem+json; charset=utf-8"],
  );
});

test("while the dashboard is being built, browsers get a page and other callers a 503", async (t) => {
  const ask = await askedOf(t);
  const page = await ask("GET", "/", { accept: "text/html" });
  assert.deepEqual([page.status, page.headers["content-type"]], [503, "text/html; charset=utf-8"]);
  const problem = await ask("GET", "/");
  assert.deepEqual(
    [problem.status, JSON.parse(problem.body).code, problem.headers["retry-after"]],
    [503, "unavailable", "2"],
  );
});
