import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { type TestContext, test } from "node:test";
import { createTestAuth, type TestAuth } from "../../../test/helpers/auth.ts";
import { testLimits } from "../../../test/helpers/http-server.ts";
import { createHttpServer } from "../../adapters/http/server.ts";
import { createMemoryRateLimiter } from "../../adapters/limits/memory-rate-limiter.ts";
import { permissionOf } from "../../core/access/permission-name.ts";
import { authRoutes } from "./routes.ts";
import { createSigninLink } from "./sessions.ts";

interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Json;
}

/** What was answered, looked into without knowing its shape. */
interface Json {
  readonly [member: string]: Json | undefined;
}

interface Api extends TestAuth {
  readonly adminKey: string;
  readonly adminId: string;
  ask(
    method: string,
    path: string,
    options?: { body?: unknown; headers?: Record<string, string> },
  ): Promise<Answer>;
}

/** The real HTTP server with these routes, asked as the admin unless headers say otherwise. */
async function serve(t: TestContext): Promise<Api> {
  const auth = await createTestAuth(t);
  const admin = await auth.service("admin", "admin");
  const directory = await auth.directory();
  const known: string[] = [];
  const routes = authRoutes({
    database: auth.app,
    directory,
    env: "test",
    random: randomBytes,
    knownPermissions: () => known,
    policies: auth.policies,
    secureCookies: false,
    rateLimiter: createMemoryRateLimiter(),
    now: Date.now,
    // a caller that has to wait would wait forever
    monotonic: () => 0,
  });
  known.push(...routes.filter(({ access }) => access === "permission").map(permissionOf));
  const server = await createHttpServer({
    routes,
    authenticator: directory,
    observer: { route: () => () => {} },
    version: "0.0.0",
    dashboardFolder: "/nowhere",
    corsOrigins: [],
    trustedProxies: [],
    limits: testLimits,
  });
  t.after(() => server.close());
  const { port } = await server.listen({ host: "127.0.0.1", port: 0 });
  return {
    ...auth,
    adminKey: admin.secret_key,
    adminId: admin.id,
    async ask(method, path, { body, headers = { "x-api-key": admin.secret_key } } = {}) {
      const response = await fetch(`http://127.0.0.1:${port}${path}`, {
        method,
        headers: {
          ...headers,
          connection: "close",
          ...(body === undefined ? {} : { "content-type": "application/json" }),
        },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      });
      const text = await response.text();
      const { status, headers: received } = response;
      return {
        status,
        headers: received,
        body: text === "" ? {} : JSON.parse(text),
      };
    },
  };
}

const cookieOf = ({ headers }: Answer) => headers.get("set-cookie")?.split(";")[0] ?? "";

test("from a new service to a revoked key, by HTTP alone", async (t) => {
  const { ask } = await serve(t);
  const created = await ask("POST", "/api/services", { body: { name: "shop", role: "viewer" } });
  assert.equal(created.status, 201);
  assert.equal(created.body["usable_keys"], 0);
  const key = await ask("POST", "/api/keys", { body: { service: "shop", label: "till" } });
  assert.equal(key.status, 201);
  assert.match(String(key.body["secret_key"]), /^weir_test_/);
  const asShop = { headers: { "x-api-key": String(key.body["secret_key"]) } };
  const denied = await ask("GET", "/api/keys", asShop);
  assert.equal(denied.status, 403);
  assert.equal(denied.body["permission"], "auth.get.key_list");

  const permission = { service: "shop", permission: "auth.get.key_list", kind: "extra" };
  assert.equal((await ask("POST", "/api/permissions", { body: permission })).body["changed"], true);
  const list = await ask("GET", "/api/keys?service=shop", asShop);
  assert.equal(list.status, 200, "in force when the change is answered");
  assert.equal(list.body["keys"]?.["0"]?.["state"], "usable");
  assert.ok(!JSON.stringify(list.body).includes("secret"), "secrets are shown once");
  const explained = await ask(
    "GET",
    "/api/permissions/explain?service=shop&permission=auth.get.key_list",
  );
  assert.equal(explained.body["rule"]?.["kind"], "extra");

  assert.equal((await ask("DELETE", "/api/permissions", { body: permission })).status, 204);
  assert.equal((await ask("GET", "/api/keys", asShop)).status, 403);
  assert.equal((await ask("POST", `/api/keys/${key.body["id"]}/revoke`)).body["state"], "revoked");
  const revoked = await ask("GET", "/api/keys", asShop);
  assert.equal(revoked.status, 401);
  assert.equal(revoked.body["code"], "key_revoked");

  const { body: log } = await ask("GET", "/api/audit-log?subject=shop&limit=2");
  assert.deepEqual(
    [log["entries"]?.["0"]?.["action"], log["entries"]?.["1"]?.["action"]],
    ["key.revoke", "permission.extra.remove"],
  );
  assert.match(String(log["entries"]?.["0"]?.["actor"]), /^admin\/[a-z2-9]{12}$/);
  assert.notEqual(log["next_cursor"], null);
});

test("a mistake is a 4xx that says where it is and how to fix it", async (t) => {
  const { ask, adminId } = await serve(t);
  const mistakes: [string, string, unknown, number, RegExp][] = [
    ["POST", "/api/services", { name: "Shop", role: "viewer" }, 422, /^\/name: /],
    ["POST", "/api/services", { name: "shop", role: "viewr" }, 422, /did you mean "viewer"/],
    ["POST", "/api/services", { name: "shop" }, 422, /role/],
    ["POST", "/api/services", { name: "shop", role: "viewer", rol: 1 }, 422, /unknown name/],
    ["POST", "/api/services", { name: "admin", role: "viewer" }, 409, /already/],
    ["PATCH", "/api/services/admni", { disabled: true }, 404, /did you mean "admin"/],
    ["PATCH", "/api/services/admin", {}, 422, /./],
    ["PATCH", "/api/services/admin", { disabled: true }, 422, /no usable key that can administer/],
    ["POST", "/api/keys", { service: "nobody" }, 404, /there is no service/],
    ["POST", "/api/keys", { service: "admin", expires_at: "2020-01-01T00:00:00Z" }, 422, /future/],
    ["POST", "/api/keys", { service: "admin", expires_at: "tomorrow" }, 422, /RFC 3339/],
    ["POST", "/api/keys/unknown/revoke", undefined, 404, /there is no key/],
    ["POST", `/api/keys/${adminId}/revoke`, undefined, 422, /no usable key/],
    ["PUT", "/api/roles", { name: "till" }, 422, /^\/permissions: /],
    ["PUT", "/api/roles", { name: "till", permissions: ["a.*"] }, 422, /^\/permissions\/0: /],
    ["PUT", "/api/roles", { name: "viewer", reset: true, permissions: [] }, 422, /^\/reset: /],
    [
      "POST",
      "/api/permissions",
      { service: "admin", permission: "auth.get.key_lst", kind: "revoked" },
      422,
      /did you mean "auth.get.key_list"/,
    ],
    ["GET", "/api/permissions/explain?service=admin", undefined, 400, /^permission: is required/],
    ["GET", "/api/audit-log?limit=0", undefined, 400, /limit/],
  ];
  for (const [method, path, body, status, words] of mistakes) {
    const answer = await ask(method, path, { body });
    assert.equal(answer.status, status, `${method} ${path} ${JSON.stringify(body)}`);
    assert.match(String(answer.body["detail"]), words);
  }
});

test("roles change at run time and can be reset to their files", async (t) => {
  const { ask, policies } = await serve(t);
  const permissions = ["auth.get.role_list"];
  const put = await ask("PUT", "/api/roles", { body: { name: "viewer", permissions } });
  assert.equal(put.body["source"], "api");
  const { body } = await ask("PUT", "/api/roles", { body: { name: "viewer", reset: true } });
  assert.equal(body["source"], "file");
  assert.deepEqual(
    body["permissions"],
    policies.find(({ name }) => name === "viewer")?.permissions,
  );
  const { body: list } = await ask("GET", "/api/roles");
  assert.equal(list["roles"]?.["length"], policies.length);
  const { body: names } = await ask("GET", "/api/permissions");
  assert.match(JSON.stringify(names), /"auth.put.role_replace"/);
});

test("signing in gives a cookie that scripts cannot read, changes need the session's token, signing out ends it", async (t) => {
  const { ask, adminKey } = await serve(t);
  assert.equal((await ask("GET", "/api/session", { headers: {} })).status, 204);
  const signedIn = await ask("POST", "/api/session", { headers: {}, body: { key: adminKey } });
  assert.equal(signedIn.status, 200);
  const setCookie = signedIn.headers.get("set-cookie") ?? "";
  assert.match(setCookie, /^weir_session=[0-9A-Za-z]{43}; Path=\/; HttpOnly; SameSite=Strict; /);
  const cookie = cookieOf(signedIn);
  const who = await ask("GET", "/api/session", { headers: { cookie } });
  assert.deepEqual(who.body, signedIn.body);
  assert.equal(who.body["service"], "admin");
  assert.match(JSON.stringify(who.body["permissions"]), /"auth.post.key_create"/);

  assert.equal((await ask("GET", "/api/keys", { headers: { cookie } })).status, 200);
  const body = { name: "shop", role: "viewer" };
  const forged = await ask("POST", "/api/services", { headers: { cookie }, body });
  assert.equal(forged.body["code"], "csrf");
  const headers = { cookie, "x-csrf-token": String(who.body["csrf_token"]) };
  assert.equal((await ask("POST", "/api/services", { headers, body })).status, 201);

  assert.equal((await ask("DELETE", "/api/session", { headers: { cookie } })).body["code"], "csrf");
  const out = await ask("DELETE", "/api/session", { headers });
  assert.equal(out.status, 204);
  assert.match(out.headers.get("set-cookie") ?? "", /^weir_session=; .*Max-Age=0/);
  assert.equal((await ask("GET", "/api/keys", { headers: { cookie } })).status, 401);
  assert.equal((await ask("DELETE", "/api/session", { headers: {} })).status, 204);
});

test("a sign-in link signs in once; a bad key does not", async (t) => {
  const { ask, administration } = await serve(t);
  const { token } = await createSigninLink(administration, { service: "admin" });
  const first = await ask("POST", "/api/session", { headers: {}, body: { token } });
  assert.equal(first.status, 200);
  const again = await ask("POST", "/api/session", { headers: {}, body: { token } });
  assert.equal(again.status, 401);
  assert.match(String(again.body["detail"]), /already used/);
  for (const [body, status] of [
    [{ key: "weir_test_x" }, 401],
    [{}, 422],
    [{ key: "a", token: "b" }, 422],
  ] as const) {
    assert.equal((await ask("POST", "/api/session", { headers: {}, body })).status, status);
  }
});

test("repeated sign-in attempts from one address are a 429", async (t) => {
  const { ask, adminKey } = await serve(t);
  const attempt = (key: string) => ask("POST", "/api/session", { headers: {}, body: { key } });
  const statuses = new Set<number>();
  for (let n = 0; n < 200 && !statuses.has(429); n++) {
    statuses.add((await attempt("weir_test_wrong")).status);
  }
  assert.deepEqual([...statuses], [401, 429]);
  const refused = await attempt(adminKey);
  assert.equal(refused.body["code"], "too_many_signins");
  assert.equal(refused.headers.get("retry-after"), "1");
  assert.equal((await ask("GET", "/api/keys")).status, 200, "keys are not held up");
});

test("a caller with one administrative permission changes no stronger service, and the attempt is recorded", async (t) => {
  const { ask, adminId } = await serve(t);
  const attempts: readonly (readonly [
    permission: string,
    method: string,
    path: string,
    body?: object,
  ])[] = [
    [
      "auth.post.permission_change",
      "POST",
      "/api/permissions",
      { service: "admin", permission: "*.*.*", kind: "revoked" },
    ],
    ["auth.patch.service_update", "PATCH", "/api/services/admin", { disabled: true }],
    ["auth.patch.service_update", "PATCH", "/api/services/admin", { role: "viewer" }],
    ["auth.post.key_create", "POST", "/api/keys", { service: "admin" }],
    ["auth.post.key_revoke", "POST", `/api/keys/${adminId}/revoke`],
    ["auth.put.role_replace", "PUT", "/api/roles", { name: "admin", permissions: [] }],
  ];
  for (const [n, [permission, method, path, body]] of attempts.entries()) {
    const name = `helper-${n}`;
    await ask("POST", "/api/services", { body: { name, role: "service" } });
    const { body: key } = await ask("POST", "/api/keys", { body: { service: name } });
    const extra = { service: name, permission, kind: "extra" };
    assert.equal((await ask("POST", "/api/permissions", { body: extra })).status, 200);
    const headers = { "x-api-key": String(key["secret_key"]) };
    const answer = await ask(method, path, { body, headers });
    assert.deepEqual(
      [answer.status, answer.body["code"], answer.body["permission"]],
      [403, "forbidden", "*.*.*"],
      path,
    );
    const { body: log } = await ask("GET", "/api/audit-log?subject=admin&limit=1");
    const entry = log["entries"]?.["0"];
    assert.match(String(entry?.["action"]), /\.refused$/);
    assert.equal(entry?.["actor"], `${name}/${key["id"]}`);
    assert.equal(entry?.["detail"]?.["missing_permission"], "*.*.*");
  }
});
