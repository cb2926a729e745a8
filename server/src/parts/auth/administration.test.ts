import assert from "node:assert/strict";
import { test } from "node:test";
import { codeOf, createTestAuth, type TestAuth } from "../../../test/helpers/auth.ts";
import { generateApiKey, parseApiKey } from "../../core/access/api-key.ts";
import type { Administration } from "./administration.ts";
import { readAuditLog } from "./audit-log.ts";
import { ensureAdminKey, ensureDemoKey } from "./bootstrap.ts";
import { createKey, listKeys, revokeKey } from "./keys.ts";
import { addPermission, explainPermission, removePermission } from "./permissions.ts";
import { applyPolicies, listRoles, replaceRole, resetRole } from "./roles.ts";
import { createService, listServices, updateService } from "./services.ts";
import { createSigninLink } from "./sessions.ts";

const messageOf = (work: () => Promise<unknown>) =>
  work().then(
    () => "nothing was thrown",
    (error: Error) => error.message,
  );

/** The administration as a service does it, over what that service has. */
async function actingAs(auth: TestAuth, service: string): Promise<Administration> {
  const keyId = (await listKeys(auth.app, service))[0]?.id ?? "";
  const name = `${service}/${keyId}`;
  const actor = { kind: "key", name, keyId, permission: "auth.post.key_create" } as const;
  return { ...auth.administration, actor };
}

test("every change is in the audit log with its actor; a refused change logs nothing", async (t) => {
  const auth = await createTestAuth(t);
  const { administration: by } = auth;
  const since = (await readAuditLog(auth.app, { limit: 500 })).entries.length;
  await createService(by, { name: "shop", role: "service" });
  const key = await createKey(by, { service: "shop", label: "till 4" });
  const extra = { service: "shop", permission: "events.get.event_list", kind: "extra" } as const;
  await addPermission(by, extra);
  assert.deepEqual(await addPermission(by, extra), { changed: false });
  await removePermission(by, extra);
  await addPermission(by, { ...extra, kind: "revoked" });
  await updateService(by, "shop", { role: "viewer", disabled: true });
  await updateService(by, "shop", { role: "viewer" });
  await replaceRole(by, { name: "till", permissions: ["events.post.event_ingest"] });
  await revokeKey(by, key.id);
  await revokeKey(by, key.id);
  for (const refused of [
    () => createService(by, { name: "shop", role: "service" }),
    () => createService(by, { name: "other", role: "servcie" }),
    () => removePermission(by, extra),
    () => createKey(by, { service: "shop", expiresAt: new Date(0) }),
    () => createKey(by, { service: "shop", replaces: "nobody" }),
  ]) {
    assert.notEqual(await codeOf(refused), "nothing was thrown");
  }
  const { entries } = await readAuditLog(auth.app, { limit: 500 });
  const fresh = entries.slice(0, entries.length - since).reverse();
  assert.deepEqual(
    fresh.map(({ action, subject }) => `${action} ${subject}`),
    [
      "service.create shop",
      "key.create shop",
      "permission.extra.add shop",
      "permission.extra.remove shop",
      "permission.revoked.add shop",
      "service.update shop",
      "role.replace till",
      "key.revoke shop",
    ],
  );
  assert.ok(fresh.every(({ actor }) => actor === "test"));
  assert.deepEqual(fresh[5]?.detail, {
    before: { role: "service", disabled: false },
    after: { role: "viewer", disabled: true },
  });
  assert.equal((await listKeys(auth.app, "shop")).length, 1, "refused keys are not there");
});

test("the audit log is read in pages, newest first, and by subject", async (t) => {
  const auth = await createTestAuth(t);
  for (const name of ["a", "b", "c"]) {
    await createService(auth.administration, { name, role: "viewer" });
  }
  const seen: string[] = [];
  let cursor: string | null = null;
  do {
    const page = await readAuditLog(auth.app, { limit: 2, ...(cursor === null ? {} : { cursor }) });
    seen.push(...page.entries.map(({ id }) => id));
    cursor = page.next_cursor;
  } while (cursor !== null);
  const all = (await readAuditLog(auth.app, { limit: 500 })).entries.map(({ id }) => id);
  assert.deepEqual(seen, all);
  assert.equal((await readAuditLog(auth.app, { limit: 5, subject: "b" })).entries.length, 1);
});

test("no change can remove the last administrator", async (t) => {
  const auth = await createTestAuth(t);
  const { administration: by } = auth;
  const key = await auth.service("boss", "admin");
  const attempts = {
    "its key": () => revokeKey(by, key.id),
    "its service": () => updateService(by, "boss", { disabled: true }),
    "its role": () => updateService(by, "boss", { role: "viewer" }),
    "the role's permissions": () => replaceRole(by, { name: "admin", permissions: ["events.*.*"] }),
    "a revoked permission": () =>
      addPermission(by, { service: "boss", permission: "auth.*.*", kind: "revoked" }),
    "a replacement without overlap": () =>
      // The new key is as good: this one may pass.
      createKey(by, { service: "boss", replaces: key.id, overlapSeconds: 0 }).then(() =>
        Promise.reject(Object.assign(new Error(), { code: "passed" })),
      ),
  };
  for (const [what, attempt] of Object.entries(attempts)) {
    const code = await codeOf(attempt);
    assert.equal(code, what.startsWith("a replacement") ? "passed" : "invalid_request", what);
  }
  assert.equal((await listServices(auth.app))[0]?.usable_keys, 1);
});

test("two concurrent changes, each harmless alone, cannot together remove the last administrator", async (t) => {
  const auth = await createTestAuth(t);
  for (let round = 0; round < 5; round++) {
    const keys = [
      await auth.service(`first-${round}`, "admin"),
      await auth.service(`second-${round}`, "admin"),
    ];
    // All earlier administrators go, so that two are left.
    for (const key of await listKeys(auth.app)) {
      const ours = keys.some(({ id }) => id === key.id);
      if (!ours && key.state === "usable") await revokeKey(auth.administration, key.id);
    }
    const codes = await Promise.all(
      keys.map(({ id }) => codeOf(() => revokeKey(auth.administration, id))),
    );
    assert.deepEqual(codes.sort(), ["invalid_request", "nothing was thrown"]);
  }
});

test("an actor cannot grant permissions that it does not have", async (t) => {
  const auth = await createTestAuth(t);
  await auth.service("boss", "admin");
  await auth.service("helper", "viewer");
  await createService(auth.administration, { name: "reader", role: "viewer" });
  // May administer, but reads figures only: no raw events.
  await addPermission(auth.administration, {
    service: "helper",
    permission: "auth.*.*",
    kind: "extra",
  });
  await addPermission(auth.administration, {
    service: "boss",
    permission: "events.get.event_raw",
    kind: "revoked",
  });
  const helper = await actingAs(auth, "helper");
  const boss = await actingAs(auth, "boss");
  const reader = { service: "reader", kind: "extra" } as const;
  const refused: Record<string, () => Promise<unknown>> = {
    "a permission": () => addPermission(helper, { ...reader, permission: "events.get.event_list" }),
    "a wider pattern": () => addPermission(helper, { ...reader, permission: "analytics.get.*" }),
    "a role for a new service": () => createService(helper, { name: "x", role: "admin" }),
    "a role for an old service": () => updateService(helper, "reader", { role: "analyst" }),
    "a role with more in it": () =>
      replaceRole(helper, { name: "viewer", permissions: ["events.get.*"] }),
    "a key of a stronger service": () => createKey(helper, { service: "boss" }),
    "a link of a stronger service": () => createSigninLink(helper, { service: "boss" }),
    "what is revoked from oneself": () =>
      removePermission(boss, {
        service: "boss",
        permission: "events.get.event_raw",
        kind: "revoked",
      }),
    "a pattern with a hole": () => addPermission(boss, { ...reader, permission: "events.get.*" }),
  };
  for (const [what, work] of Object.entries(refused)) {
    assert.equal(await codeOf(work), "forbidden", what);
  }
  await addPermission(helper, { ...reader, permission: "analytics.get.overview" });
  await createKey(helper, { service: "reader" });
  await addPermission(boss, { ...reader, permission: "events.get.event_list" });
});

test("a misspelt name is refused with the nearest known one; wildcards may match routes that do not exist yet", async (t) => {
  const auth = await createTestAuth(t);
  await auth.service("shop", "service");
  const by = {
    ...auth.administration,
    knownPermissions: () => ["events.get.event_list", "events.get.event_raw"],
  };
  const add = (permission: string) => () =>
    addPermission(by, { service: "shop", permission, kind: "extra" });
  assert.match(
    await messageOf(add("events.get.evnt_list")),
    /did you mean "events.get.event_list"/,
  );
  assert.match(await messageOf(add("nothing.like.it")), /HTTP method/);
  assert.match(await messageOf(add("vectors.get.search_points")), /no route has the permission/);
  assert.equal(await codeOf(add("vectors.get.*")), "nothing was thrown");
  assert.match(
    await messageOf(() =>
      replaceRole(by, { name: "till", permissions: ["events.get.*", "events.get.event_rwa"] }),
    ),
    /^\/permissions\/1: .*event_raw/,
  );
  assert.match(
    await messageOf(() => createService(by, { name: "till", role: "servce" })),
    /did you mean "service"/,
  );
  assert.match(await messageOf(() => updateService(by, "shpo", {})), /did you mean "shop"/);
  for (const name of ["", "Shop", "1shop", "sh op", "x".repeat(64), "../etc"]) {
    assert.equal(
      await codeOf(() => createService(by, { name, role: "viewer" })),
      "invalid_request",
    );
  }
});

test("a replaced key works until the overlap ends, and never beyond its own expiry", async (t) => {
  const auth = await createTestAuth(t);
  const old = await auth.service("shop", "service");
  let now = Date.now();
  const directory = await auth.directory({ now: () => now });
  const fresh = await createKey(auth.administration, {
    service: "shop",
    replaces: old.id,
    overlapSeconds: 600,
  });
  await directory.refresh();
  directory.authenticate(old.secret_key);
  directory.authenticate(fresh.secret_key);
  now += 601_000;
  assert.equal(await codeOf(() => directory.authenticate(old.secret_key)), "key_expired");
  directory.authenticate(fresh.secret_key);

  await createKey(auth.administration, { service: "shop", replaces: old.id });
  const again = (await listKeys(auth.app)).find(({ id }) => id === old.id);
  assert.ok(Date.parse(again?.expires_at ?? "") < Date.now() + 601_000, "never prolonged");
});

test("explain names the rule that decides", async (t) => {
  const auth = await createTestAuth(t);
  await auth.service("shop", "analyst");
  const by = auth.administration;
  await addPermission(by, { service: "shop", permission: "analytics.get.funnel", kind: "revoked" });
  await addPermission(by, { service: "shop", permission: "windows.*.*", kind: "extra" });
  const known = ["analytics.get.overview", "windows.post.window_rerun", "auth.get.key_list"];
  const explain = (permission: string) =>
    explainPermission(auth.app, { service: "shop", permission }, known);
  const facts = async (permission: string) => {
    const { allowed, rule, because } = await explain(permission);
    return { allowed, rule, because };
  };
  assert.deepEqual(await facts("analytics.get.overview"), {
    allowed: true,
    rule: { kind: "role", pattern: "analytics.get.*" },
    because: 'role "analyst" has "analytics.get.*"',
  });
  assert.deepEqual(await facts("windows.post.window_rerun"), {
    allowed: true,
    rule: { kind: "extra", pattern: "windows.*.*" },
    because: 'extra permission "windows.*.*" of service "shop"',
  });
  assert.equal((await facts("analytics.get.funnel")).rule.kind, "revoked");
  assert.deepEqual(await facts("auth.get.key_list"), {
    allowed: false,
    rule: { kind: "none", pattern: null },
    because: 'no rule: deny (neither role "analyst" nor an extra permission grants it)',
  });
  assert.match((await explain("analytics.get.overveiw")).notes.join(), /analytics.get.overview/);
  assert.equal(await codeOf(() => explain("analytics.get.*")), "invalid_query");
  await updateService(by, "shop", { disabled: true });
  assert.match((await explain("analytics.get.overview")).notes.join(), /disabled/);
});

test("roles follow their files, except those changed at run time, until they are reset", async (t) => {
  const auth = await createTestAuth(t);
  const { administration: by, policies } = auth;
  const role = async (name: string) =>
    (await listRoles(auth.app)).find((candidate) => candidate.name === name);
  assert.deepEqual(await applyPolicies(by, policies), { changed: [], kept: [], missing: [] });

  await replaceRole(by, { name: "viewer", permissions: ["common.get.meta"] });
  const newer = policies
    .filter(({ name }) => name !== "analyst")
    .map((policy) => ({ ...policy, permissions: [...policy.permissions, "common.get.healthz"] }));
  await createService(by, { name: "shop", role: "analyst" });
  const applied = await applyPolicies(by, newer);
  assert.deepEqual(applied.kept, ["viewer"]);
  assert.deepEqual(applied.missing, ["analyst"]);
  assert.ok(applied.changed.includes("service"));
  assert.deepEqual((await role("viewer"))?.permissions, ["common.get.meta"]);
  assert.equal((await role("viewer"))?.source, "api");
  assert.equal(await role("analyst"), undefined);
  const gone = await explainPermission(auth.app, {
    service: "shop",
    permission: "analytics.get.overview",
  });
  assert.match(gone.because, /role "analyst" does not exist/);

  await resetRole(by, "viewer", newer);
  assert.equal((await role("viewer"))?.source, "file");
  assert.deepEqual(
    (await role("viewer"))?.permissions,
    newer.find(({ name }) => name === "viewer")?.permissions,
  );
  assert.equal(await codeOf(() => resetRole(by, "till", newer)), "not_found");
});

test("the first start creates one admin key, however many processes start; later starts create none", async (t) => {
  const auth = await createTestAuth(t);
  const made = await Promise.all(
    Array.from({ length: 4 }, () => ensureAdminKey(auth.administration)),
  );
  const keys = made.flatMap(({ key }) => (key === undefined ? [] : [key]));
  assert.equal(keys.length, 1);
  const directory = await auth.directory();
  assert.ok(directory.authenticate(keys[0] ?? "").may("auth.post.key_create"));
  assert.equal((await ensureAdminKey(auth.administration)).key, undefined);
});

test("production has no demo key, and a development key is useless there", async (t) => {
  const auth = await createTestAuth(t);
  const development = { ...auth.administration, env: "dev" };
  const production = { ...auth.administration, env: "prod" };
  const demo = await ensureDemoKey(development);
  const { key: admin = "" } = await ensureAdminKey(development);
  assert.equal(await ensureDemoKey(production), undefined);
  const { key: real = "" } = await ensureAdminKey(production);
  const directory = await auth.directory({ env: "prod" });
  assert.ok(directory.authenticate(real).may("auth.post.key_create"));
  for (const key of [demo?.key ?? "", admin]) {
    assert.equal(await codeOf(() => directory.authenticate(key)), "unauthenticated");
    // With the checksum corrected too, as a finder of the key could do.
    assert.equal(await codeOf(() => directory.authenticate(relabelled(key))), "unauthenticated");
  }
});

/** The same id and secret as a whole key of production. */
function relabelled(key: string): string {
  const { id, secret } = parseApiKey(key);
  const base62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
  const letters = { 12: [id, "abcdefghijkmnpqrstuvwxyz23456789"], 32: [secret, base62] } as const;
  const made = generateApiKey("prod", (size) => {
    const [text, alphabet] = letters[size as 12 | 32];
    return Uint8Array.from(text, (letter) => alphabet.indexOf(letter));
  });
  assert.deepEqual([made.id, made.secret], [id, secret]);
  return made.text;
}
