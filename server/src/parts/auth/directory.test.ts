import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { test } from "node:test";
import { startTestServer } from "../../../../testing/database.ts";
import { until } from "../../../../testing/until.ts";
import { codeOf, createTestAuth, policiesFolder } from "../../../test/helpers/auth.ts";
import { generateApiKey } from "../../core/access/api-key.ts";
import { ensureAdminKey } from "./bootstrap.ts";
import { localActor } from "./bounds.ts";
import { Directory } from "./directory.ts";
import { createKey, listKeys, revokeKey } from "./keys.ts";
import { addPermission, removePermission } from "./permissions.ts";
import { readPolicies } from "./policies.ts";
import { applyPolicies } from "./roles.ts";
import { updateService } from "./services.ts";

const ingest = "events.post.event_ingest";

test("a key has the role, extra and revoked permissions of its service", async (t) => {
  const auth = await createTestAuth(t);
  const key = await auth.service("shop", "service");
  const directory = await auth.directory();
  const principal = directory.authenticate(key.secret_key);
  assert.equal(principal.service, "shop");
  assert.equal(principal.role, "service");
  assert.equal(principal.keyId, key.id);
  assert.equal(principal.via, "key");
  assert.ok(principal.may(ingest));
  assert.ok(!principal.may("events.get.event_list"));
  assert.equal(directory.authenticate(key.secret_key), principal, "one object a key");
});

test("only the holder of the complete key learns that it was revoked; a key of another environment is unknown", async (t) => {
  const auth = await createTestAuth(t);
  const key = await auth.service("shop", "service");
  const directory = await auth.directory();
  const stranger = generateApiKey("test", randomBytes);
  assert.equal(await codeOf(() => directory.authenticate(stranger.text)), "unauthenticated");
  // The id of a revoked key with another secret must not tell that the key was revoked.
  await revokeKey(auth.administration, key.id);
  await directory.refresh();
  assert.equal(await codeOf(() => directory.authenticate(withId(key.id))), "unauthenticated");
  assert.equal(await codeOf(() => directory.authenticate(key.secret_key)), "key_revoked");
  assert.equal(
    await codeOf(() => directory.authenticate(key.secret_key.slice(0, -1))),
    "key_malformed",
  );
  const production = await auth.directory({ env: "prod" });
  const other = await createKey(auth.administration, { service: "shop" });
  await production.refresh();
  assert.equal(await codeOf(() => production.authenticate(other.secret_key)), "unauthenticated");
});

/** A whole key with a given id and a secret of its own. */
function withId(id: string): string {
  const alphabet = "abcdefghijkmnpqrstuvwxyz23456789";
  const idBytes = Buffer.from([...id].map((letter) => alphabet.indexOf(letter)));
  let first = true;
  return generateApiKey("test", (size) => {
    if (!first) return randomBytes(size);
    first = false;
    return idBytes;
  }).text;
}

test("a principal in use sees every change at the next refresh", async (t) => {
  const auth = await createTestAuth(t);
  const key = await auth.service("shop", "service");
  const directory = await auth.directory();
  const principal = directory.authenticate(key.secret_key);
  const change = { service: "shop", permission: ingest } as const;

  await addPermission(auth.administration, { ...change, kind: "revoked" });
  await directory.refresh();
  assert.ok(!principal.may(ingest), "revoked beats the role");
  await addPermission(auth.administration, { ...change, kind: "extra" });
  await directory.refresh();
  assert.ok(!principal.may(ingest), "revoked beats extra");
  await removePermission(auth.administration, { ...change, kind: "revoked" });
  await updateService(auth.administration, "shop", { role: "viewer" });
  await directory.refresh();
  assert.equal(principal.role, "viewer");
  assert.ok(principal.may(ingest), "extra stands without the role");

  await updateService(auth.administration, "shop", { disabled: true });
  await directory.refresh();
  assert.ok(!principal.may(ingest));
  assert.equal(await codeOf(() => directory.authenticate(key.secret_key)), "key_revoked");
  await updateService(auth.administration, "shop", { disabled: false });
  await revokeKey(auth.administration, key.id);
  await directory.refresh();
  assert.ok(!principal.may(ingest));
  assert.equal(await codeOf(() => directory.authenticate(key.secret_key)), "key_revoked");
});

test("a key ends at its expiry to the millisecond, and listeners are notified without a change", async (t) => {
  const auth = await createTestAuth(t);
  await auth.service("shop", "service");
  const expiresAt = new Date(Date.now() + 3_600_000);
  const key = await createKey(auth.administration, { service: "shop", expiresAt });
  let now = Date.now();
  const directory = await auth.directory({ now: () => now, pollMs: 5 });
  const principal = directory.authenticate(key.secret_key);
  let heard = 0;
  directory.onChange(() => {
    heard += 1;
  });
  const stop = new AbortController();
  const running = directory.run(stop.signal);
  now = expiresAt.getTime() - 1;
  assert.ok(principal.may(ingest));
  const before = heard;
  now = expiresAt.getTime();
  assert.ok(!principal.may(ingest));
  assert.equal(await codeOf(() => directory.authenticate(key.secret_key)), "key_expired");
  await until(() => heard > before, { what: "the listener" });
  stop.abort();
  await running;
});

test("another secret under a known id (a restored backup) locks out the cached key", async (t) => {
  const auth = await createTestAuth(t);
  const key = await auth.service("shop", "service");
  const directory = await auth.directory();
  const principal = directory.authenticate(key.secret_key);
  await auth.owner.query({
    text: `update auth.keys set secret_hash = sha256('other'), revoked_at = null where id = $1`,
    values: [key.id],
  });
  await directory.refresh();
  assert.ok(!principal.may(ingest));
  assert.equal(await codeOf(() => directory.authenticate(key.secret_key)), "unauthenticated");
});

test("a refresh requested after a commit sees it, even while another refresh is running", async (t) => {
  const auth = await createTestAuth(t);
  await auth.service("shop", "service");
  const directory = await auth.directory();
  for (let round = 0; round < 10; round++) {
    const underWay = [directory.refresh()];
    const key = await createKey(auth.administration, { service: "shop" });
    underWay.push(directory.refresh(), directory.refresh());
    await underWay[1];
    assert.equal(directory.authenticate(key.secret_key).keyId, key.id);
    await Promise.all(underWay);
  }
});

test("last_used_at is written in batches, once a minute per key, without notifying readers", async (t) => {
  const auth = await createTestAuth(t);
  const key = await auth.service("shop", "service");
  const directory = await auth.directory({ pollMs: 5 });
  const revision = async () =>
    (await auth.app.query<{ revision: string }>({ text: "select revision from auth.revision" }))[0]
      ?.revision;
  const lastUsed = async () => (await listKeys(auth.app))[0]?.last_used_at;
  const before = await revision();
  assert.equal(await lastUsed(), null);
  const stop = new AbortController();
  const running = directory.run(stop.signal);
  directory.authenticate(key.secret_key);
  const first = await until(async () => (await lastUsed()) ?? undefined, { what: "last_used_at" });
  for (let round = 0; round < 20; round++) {
    directory.authenticate(key.secret_key);
    await directory.refresh();
  }
  stop.abort();
  await running;
  assert.equal(await lastUsed(), first);
  await auth.app.query({ text: "update auth.keys set label = 'renamed'" });
  assert.equal(await revision(), before);
  await auth.app.query({ text: "update auth.keys set expires_at = null" });
  assert.notEqual(await revision(), before, "control: the trigger is there");
});

test("while PostgreSQL is down the last state serves for 10 s, then all requests are refused, then it recovers", async (t) => {
  const server = await startTestServer(t, { durable: false });
  const administration = {
    database: server.app,
    actor: localActor("test"),
    env: "test",
    random: randomBytes,
  };
  await applyPolicies(administration, await readPolicies(policiesFolder));
  const { key = "" } = await ensureAdminKey(administration);
  let clock = 0;
  const directory = new Directory({
    database: server.app,
    env: "test",
    monotonic: () => clock,
    pollMs: 20,
  });
  assert.equal(await codeOf(() => directory.authenticate(key)), "unavailable", "nothing read yet");
  assert.match(directory.problem() ?? "", /not been read/);
  const stop = new AbortController();
  const running = directory.run(stop.signal);
  t.after(async () => {
    stop.abort();
    await running;
  });
  await until(() => directory.problem() === undefined, { what: "the first reading" });
  const principal = directory.authenticate(key);
  await server.kill9();
  assert.notEqual(await codeOf(() => directory.refresh()), "nothing was thrown");
  clock = 9_000;
  assert.equal(directory.authenticate(key), principal);
  assert.ok(principal.may(ingest));
  clock = 10_001;
  assert.equal(await codeOf(() => directory.authenticate(key)), "unavailable");
  assert.ok(!principal.may(ingest));
  assert.match(directory.problem() ?? "", /more than 10 s/);
  await server.restart();
  await until(() => directory.problem() === undefined, { what: "the directory to recover" });
  assert.equal(directory.authenticate(key), principal);
});
