/**
 * Promise 3, for administrators: no caller changes a principal that has permissions which the caller
 * lacks. A random walk of WEIR_TEST_CHANGES (default 150) changes by random callers on random targets
 * under random policies; a model written here, without the code under test, says which are allowed
 * and what they lead to. Controls: builds with one mistake each, which the same walk must find;
 * WEIR_TEST_BOUNDS_CONTROLS (default 2) of them.
 */
import assert from "node:assert/strict";
import { dirname, join } from "node:path";
import { type TestContext, test } from "node:test";
import { until } from "../../../testing/until.ts";
import type { Administration } from "../../src/parts/auth/administration.ts";
import { codeOf, createTestAuth, type TestAuth } from "../helpers/auth.ts";
import { buildWith, type Mistake } from "../helpers/mutated-build.ts";
import { createBoundsModel, type Rights } from "./bounds-model.ts";
import type { Modules } from "./bounds-steps.ts";
import { realModules, walkOf } from "./bounds-walk.ts";

const changes = Number(process.env["WEIR_TEST_CHANGES"] ?? 150);
const controls = Number(process.env["WEIR_TEST_BOUNDS_CONTROLS"] ?? 2);
const seed = Number(process.env["WEIR_TEST_BOUNDS_SEED"] ?? 20_261_130);

test(`${changes} random changes are allowed exactly when the caller includes the target`, async (t) => {
  const auth = await createTestAuth(t);
  const outcome = await walkOf({ auth, modules: await realModules(), changes, seed });
  t.diagnostic(JSON.stringify(outcome));
  assert.equal(outcome.mistake, undefined);
  // A walk that allows nearly all or nearly nothing proves nothing.
  assert.ok(outcome.allowed > changes / 10 && outcome.refused > changes / 10);
});

const mistakes: Readonly<Record<string, Mistake>> = {
  "the target is not compared": {
    in: "parts/auth/bounds.ts",
    from: "demandService: ({ name, policy }) => demandPolicy(name, policy)",
    to: "demandService() {}",
  },
  "who else is affected is not compared": {
    in: "parts/auth/administration.ts",
    from: "bounds.demandChanges(before, after);",
    to: "",
  },
  "what is revoked from the caller counts as held": {
    in: "core/access/inclusion.ts",
    from: "holder.revoked.length === 0 && ",
    to: "",
  },
  "a refusal is not recorded": {
    in: "parts/auth/administration.ts",
    from: "if (refusal !== undefined) await auditRefusal(database, { actor, attempt, refusal });",
    to: "",
  },
};

for (const [what, mistake] of Object.entries(mistakes).slice(0, controls)) {
  test(`control: the walk finds a build in which ${what}`, async (t) => {
    const auth = await createTestAuth(t);
    const modules = await modulesWith(t, mistake);
    const outcome = await walkOf({ auth, modules, changes: 400, seed });
    assert.notEqual(outcome.mistake, undefined);
    t.diagnostic(`after ${outcome.allowed + outcome.refused} changes: ${outcome.mistake}`);
  });
}

/** Grants that take effect only with a later change by another caller. */
const latent = {
  "a role that no service has yet": {
    attempt: (modules: Modules, by: Administration) =>
      modules.replaceRole(by, { name: "later", permissions: ["events.get.a"] }),
    mistake: {
      in: "parts/auth/roles.ts",
      from: "current.bounds.demandRole(name, before?.permissions ?? []);\n    current.bounds.demandRole(name, permissions);",
      to: "",
    },
  },
  "an extra permission that a revocation hides": {
    attempt: (modules: Modules, by: Administration) =>
      modules.addPermission(by, {
        service: "hidden",
        permission: "events.get.a",
        kind: "extra",
      }),
    mistake: {
      in: "parts/auth/permissions.ts",
      from: 'if (kind === "extra") bounds.demandGrant(found, permission);',
      to: "",
    },
  },
};

for (const [what, { attempt, mistake }] of Object.entries(latent)) {
  test(`no caller prepares ${what} with what it lacks; control: without the comparison`, async (t) => {
    const auth = await createTestAuth(t);
    const model = await createBoundsModel(
      auth,
      new Map([
        ["helper", { ...none, role: ["auth.*.*"] }],
        ["hidden", { ...none, revoked: ["*.*.*"] }],
      ]),
    );
    const actor = model.actorOf("helper", "auth.post.permission_change");
    const by = { ...auth.administration, actor };
    assert.equal(await codeOf(async () => attempt(await realModules(), by)), "forbidden");
    const modules = await modulesWith(t, mistake);
    assert.equal(await codeOf(() => attempt(modules, by)), "nothing was thrown");
  });
}

test("what an administrator loses cannot be used by a change that was queued behind the loss", async (t) => {
  assert.equal(await grantAfterLoss(t, await realModules()), "forbidden");
});

test("control: changes that do not queue let a lost permission be used", async (t) => {
  const modules = await modulesWith(t, {
    in: "parts/auth/administration.ts",
    from: "select revision from auth.revision for update",
    to: "select revision from auth.revision",
  });
  assert.equal(await grantAfterLoss(t, modules), "allowed");
});

async function modulesWith(t: TestContext, mistake: Mistake): Promise<Modules> {
  return realModules(join(dirname(await buildWith(t, [mistake])), "parts/auth"));
}

/** A helper grants a permission while the transaction that takes it from the helper is not yet over. */
async function grantAfterLoss(t: TestContext, modules: Modules): Promise<string> {
  const auth = await createTestAuth(t);
  const rights: Rights = { role: ["auth.*.*", "events.get.a"], extra: [], revoked: [] };
  const model = await createBoundsModel(
    auth,
    new Map([
      ["helper", rights],
      ["reader", none],
    ]),
  );
  const actor = model.actorOf("helper", "auth.post.permission_change");
  const grant = { service: "reader", permission: "events.get.a", kind: "extra" } as const;

  let release = () => {};
  const released = new Promise<void>((resolve) => {
    release = resolve;
  });
  const loss = auth.owner.transaction(
    async (connection) => {
      await connection.query({
        text: `insert into auth.revoked_permissions (service_id, permission)
               select id, 'events.get.a' from auth.services where name = 'helper'`,
      });
      await released;
    },
    { timeoutMs: 20_000 },
  );
  await untilRevisionIsLocked(auth);
  const granted = modules.addPermission({ ...auth.administration, actor }, grant).then(
    () => "allowed",
    (error: { code?: string }) => error.code ?? String(error),
  );
  await untilAChangeWaits(auth);
  release();
  await loss;
  return await granted;
}

const none: Rights = { role: [], extra: [], revoked: [] };

async function untilRevisionIsLocked({ app }: TestAuth): Promise<void> {
  await until(
    async () => {
      const rows = await app.query({
        text: "select 1 from auth.revision for update skip locked",
      });
      return rows.length === 0;
    },
    { what: "a lock on the revision" },
  );
}

async function untilAChangeWaits({ app }: TestAuth): Promise<void> {
  await until(
    async () => {
      const rows = await app.query({
        text: "select 1 from pg_locks where not granted and pid <> pg_backend_pid()",
      });
      return rows.length > 0;
    },
    { what: "a change that waits for a lock" },
  );
}
