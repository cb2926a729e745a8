import assert from "node:assert/strict";
import { test } from "node:test";
import { until } from "../../../../testing/until.ts";
import { codeOf, createTestAuth, type TestAuth } from "../../../test/helpers/auth.ts";
import { createKey, revokeKey } from "./keys.ts";
import { createSigninLink, endSession, openSession, openSessionByLink } from "./sessions.ts";

const store = ({ app, administration }: TestAuth) => ({
  ...administration,
  database: app,
  now: Date.now,
});

test("a session has the rights of its key, and another process finds it at once", async (t) => {
  const auth = await createTestAuth(t);
  const key = await auth.service("shop", "viewer");
  const here = await auth.directory();
  const there = await auth.directory();
  const { token, csrfToken } = await openSession(store(auth), key.id);
  for (const directory of [here, there]) {
    const session = await directory.session(token);
    assert.equal(session?.csrfToken, csrfToken);
    assert.equal(session?.principal.via, "session");
    assert.equal(session?.principal.keyId, key.id);
    assert.ok(session?.principal.may("analytics.get.overview"));
    assert.ok(!session?.principal.may("events.get.event_list"));
  }
  assert.equal(await here.session("x".repeat(43)), undefined);
  assert.equal(await here.session("' or 1=1 --"), undefined);
});

test("signing out ends the session everywhere, also for a principal in use", async (t) => {
  const auth = await createTestAuth(t);
  const key = await auth.service("shop", "viewer");
  const directory = await auth.directory();
  const { token } = await openSession(store(auth), key.id);
  const other = await openSession(store(auth), key.id);
  const held = (await directory.session(token))?.principal;
  assert.ok(held?.may("analytics.get.overview"));
  await endSession(auth.app, token);
  await directory.refresh();
  assert.ok(!held?.may("analytics.get.overview"));
  assert.equal(await directory.session(token), undefined);
  assert.notEqual(
    await directory.session(other.token),
    undefined,
    "the key's other session stands",
  );
});

test("a session ends with its key and never outlives the key's expiry", async (t) => {
  const auth = await createTestAuth(t);
  await auth.service("shop", "viewer");
  const expiresAt = new Date(Date.now() + 3_600_000);
  const key = await createKey(auth.administration, { service: "shop", expiresAt });
  const directory = await auth.directory();
  const session = await openSession(store(auth), key.id);
  assert.equal(session.expiresAt.getTime(), expiresAt.getTime());
  assert.notEqual(await directory.session(session.token), undefined);
  await revokeKey(auth.administration, key.id);
  await directory.refresh();
  assert.equal(await directory.session(session.token), undefined);
  assert.equal(await codeOf(() => openSession(store(auth), key.id)), "key_revoked");
});

test("a session ends at its expiry, although it is remembered and its row is still there", async (t) => {
  const auth = await createTestAuth(t);
  const key = await auth.service("shop", "viewer");
  let now = Date.now();
  const directory = await auth.directory({ now: () => now, pollMs: 5 });
  const { token, expiresAt } = await openSession(store(auth), key.id);
  const held = (await directory.session(token))?.principal;
  let announcements = 0;
  directory.onChange(() => {
    announcements += 1;
  });
  const stop = new AbortController();
  const running = directory.run(stop.signal);

  now = expiresAt.getTime() - 1;
  assert.ok(held?.may("analytics.get.overview"));
  assert.notEqual(await directory.session(token), undefined, "a millisecond before its end");
  const before = announcements;

  now = expiresAt.getTime() + 1;
  assert.ok(!held?.may("analytics.get.overview"), "an open socket loses its permissions");
  assert.equal(await directory.session(token), undefined);
  await until(() => announcements > before, { what: "the listeners to hear of the expiry" });
  assert.equal((await auth.app.query({ text: "select from auth.sessions" })).length, 1);
  stop.abort();
  await running;
});

test("a sign-in link opens one session, once, within 15 minutes", async (t) => {
  const auth = await createTestAuth(t);
  const key = await auth.service("shop", "viewer");
  const directory = await auth.directory();
  const { token, expiresAt } = await createSigninLink(auth.administration, { service: "shop" });
  assert.ok(Math.abs(expiresAt.getTime() - Date.now() - 15 * 60_000) < 10_000);
  const attempts = await Promise.allSettled(
    Array.from({ length: 8 }, () => openSessionByLink(store(auth), token)),
  );
  const opened = attempts.flatMap((one) => (one.status === "fulfilled" ? [one.value] : []));
  assert.equal(opened.length, 1);
  const session = await directory.session(opened[0]?.token ?? "");
  assert.equal(session?.principal.keyId, key.id);
  assert.equal(await codeOf(() => openSessionByLink(store(auth), token)), "unauthenticated");

  const old = await createSigninLink(auth.administration, { service: "shop" });
  await auth.owner.query({ text: "update auth.signin_links set expires_at = now()" });
  assert.equal(await codeOf(() => openSessionByLink(store(auth), old.token)), "unauthenticated");
});

test("a sign-in link needs a usable key and does not outlive it", async (t) => {
  const auth = await createTestAuth(t);
  const key = await auth.service("shop", "viewer");
  const link = await createSigninLink(auth.administration, { service: "shop" });
  await revokeKey(auth.administration, key.id);
  assert.equal(await codeOf(() => openSessionByLink(store(auth), link.token)), "key_revoked");
  assert.equal(
    await codeOf(() => createSigninLink(auth.administration, { service: "shop" })),
    "invalid_request",
  );
});

test("neither tokens nor secrets are in the database", async (t) => {
  const auth = await createTestAuth(t);
  const key = await auth.service("shop", "viewer");
  const session = await openSession(store(auth), key.id);
  const link = await createSigninLink(auth.administration, { service: "shop" });
  const secret = key.secret_key.split("_").at(-1)?.slice(0, 32) ?? "";
  for (const table of ["keys", "sessions", "signin_links", "audit_log"]) {
    const rows = await auth.owner.query<{ row: string }>({
      text: `select x::text as row from auth.${table} x`,
    });
    assert.ok(rows.length > 0);
    for (const { row } of rows) {
      for (const hidden of [secret, session.token, link.token]) assert.ok(!row.includes(hidden));
    }
  }
});

test("a session or a link that was opened while a clock was ahead ends when the clock is right again", async (t) => {
  const auth = await createTestAuth(t);
  const key = await auth.service("shop", "viewer");
  const dayMs = 86_400_000;
  let now = Date.now() + 30 * dayMs;
  const directory = await auth.directory({ now: () => now });
  const { token } = await openSession({ ...store(auth), now: () => now }, key.id);
  await directory.refresh();
  assert.notEqual(await directory.session(token), undefined, "both use the same time");
  now -= 30 * dayMs;
  assert.equal(await directory.session(token), undefined);

  const link = await createSigninLink(auth.administration, { service: "shop" });
  await auth.owner.query({
    text: "update auth.signin_links set expires_at = expires_at + interval '30 days'",
  });
  assert.equal(await codeOf(() => openSessionByLink(store(auth), link.token)), "unauthenticated");
});
