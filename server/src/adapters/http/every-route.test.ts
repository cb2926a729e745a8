/** Every route of Weir with every method: which status, which content type, which Allow. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Problem } from "@weir/protocol";
import { readAnswer, serveRoutes, speak } from "../../../test/helpers/http-server.ts";
import { listRoutes } from "../../compose/route-list.ts";
import { loadConfig } from "../../config/load.ts";
import type { Route } from "../../core/ports/route.ts";

const methods = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "QUERY"] as const;

/** All routes; what they would ask the database is replaced by an empty answer. */
async function everyRoute(): Promise<Route[]> {
  const { routes } = await listRoutes(loadConfig({ env: {}, cwd: "/nowhere" }));
  return routes.map((route) => ({ ...route, handle: async () => ({ status: 200, body: {} }) }));
}

test("every route answers its own methods, and every other with 405 and Allow", async (t) => {
  const routes = await everyRoute();
  const { port } = await serveRoutes(t, { routes });
  const paths = new Set(routes.map(({ path }) => path));
  assert.ok(paths.size > 40, `${paths.size} paths`);
  for (const path of paths) {
    const target = path.replace(/:\w+/g, "7");
    const fitting = routes.filter((route) => matches(route.path, target));
    // a path without parameters is a resource of its own
    const concrete = fitting.filter((route) => !route.path.includes(":"));
    const own = concrete.length > 0 ? concrete : fitting;
    const allowed = allowedOf(own);
    for (const method of methods) {
      const name = `${method} ${target}`;
      const head = `${method} ${target} HTTP/1.1\r\nhost: weir\r\nconnection: close\r\n`;
      const answer = readAnswer(await speak(port, `${head}content-length: 0\r\n\r\n`));
      const type = answer.headers["content-type"];
      if (method === "OPTIONS") {
        assert.deepEqual([answer.status, answer.headers["allow"]], [204, allowed], name);
        continue;
      }
      const route = own.find((one) => one.method === (method === "HEAD" ? "GET" : method));
      const expected = expectedOf(route);
      assert.deepEqual(
        [answer.status, type, answer.headers["allow"]],
        [expected.status, expected.type, expected.status === 405 ? allowed : undefined],
        name,
      );
      if (method === "HEAD") assert.equal(answer.body, "", name);
      else if (expected.status !== 200) {
        assert.equal((JSON.parse(answer.body) as Problem).code, expected.code, name);
      }
    }
  }
});

const problemType = "application/problem+json; charset=utf-8";

/** Without a key and a body: 405 without a route, 401 where a permission is needed. */
function expectedOf(route: Route | undefined) {
  if (route === undefined) return { status: 405, type: problemType, code: "method_not_allowed" };
  // the body is read first where it may hold the key
  if (route.keyInBody !== undefined || (route.access === "public" && route.body !== undefined)) {
    return { status: 415, type: problemType, code: "unsupported_media_type" };
  }
  if (route.access === "permission") {
    return { status: 401, type: problemType, code: "unauthenticated" };
  }
  return { status: 200, type: "application/json; charset=utf-8", code: undefined };
}

function allowedOf(routes: readonly Route[]): string {
  const names = new Set<string>(routes.map(({ method }) => method));
  if (names.has("GET")) names.add("HEAD");
  names.add("OPTIONS");
  return [...names].sort().join(", ");
}

function matches(pattern: string, target: string): boolean {
  const source = pattern.replace(/\/$/, "").replace(/:\w+/g, "[^/]+");
  return new RegExp(`^${source}/?$`).test(target);
}
