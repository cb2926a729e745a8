/**
 * Promise: a `weir migrate` that is interrupted anywhere is completed by the next, and the first administrator key is
 * handed out once. Against an external PostgreSQL with passwords, whose administrator is no superuser.
 * `WEIR_TEST_MIGRATE_KILLS` is how often at each step; by default at every twelfth, once.
 */
import assert from "node:assert/strict";
import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { createTestFolder } from "../../../testing/database.ts";
import { generateApiKey } from "../../src/core/access/api-key.ts";
import { type ExternalPostgres, startExternalPostgres } from "../helpers/external-postgres.ts";
import { adminKeys, migrates, problemsOf, refused, serves } from "../helpers/preparation.ts";
import { createOwner, installationOf } from "../helpers/production.ts";

const kills = Number(process.env["WEIR_TEST_MIGRATE_KILLS"] ?? 0);

test("the first key: printed once, in a file, or supplied; never two", async (t) => {
  const postgres = await startExternalPostgres(t);
  const fresh = async (name: string) => {
    await createOwner(postgres, name);
    return installationOf(t, postgres, name);
  };
  const folder = await createTestFolder(t);
  const supplied = generateApiKey("prod", (size) => crypto.getRandomValues(new Uint8Array(size)));
  const file = join(folder, "supplied.key");
  await writeFile(file, `${supplied.text}\n`);

  await t.test("supplied, and used", async () => {
    const one = await fresh("one");
    const env = { WEIR_ADMIN_KEY_FILE: file };
    const said = await migrates(one, env);
    assert.ok(!said.includes(supplied.secret), "never printed");
    assert.equal(await adminKeys(postgres, "one"), 1);
    assert.doesNotMatch(await migrates(one, env), /warning/);
    const another = generateApiKey("prod", (size) => crypto.getRandomValues(new Uint8Array(size)));
    const warned = await migrates(one, { WEIR_ADMIN_KEY: another.text });
    assert.match(warned, /warning: the key weir_prod_\w+_… was not added/);
    assert.equal(await adminKeys(postgres, "one"), 1);
  });
  await t.test("mistyped, or of another environment: refused before anything is done", async () => {
    const two = await fresh("two");
    const mistyped = await two.weir(["migrate"], {
      env: { WEIR_ADMIN_KEY: `${supplied.text.slice(0, -1)}?` },
    });
    const cut = await two.weir(["migrate"], {
      env: { WEIR_ADMIN_KEY: supplied.text.slice(0, -1) },
    });
    const dev = await two.weir(["migrate"], {
      env: { WEIR_ENV: "development", WEIR_ADMIN_KEY_FILE: file },
    });
    for (const { code, stderr } of [mistyped, cut, dev]) {
      assert.equal(code, 2);
      assert.match(stderr, /admin_key: /);
      assert.ok(!stderr.includes(supplied.secret.slice(0, 10)), stderr);
    }
    const json = await two.weir(["--json", "migrate"]);
    const { admin_key: shown } = JSON.parse(json.stdout) as { admin_key: string };
    assert.match(shown, /^weir_prod_/);
    assert.equal(JSON.parse((await two.weir(["--json", "migrate"])).stdout).admin_key, null);
  });
  await t.test("two at once, each with a file of its own: one key, one file", async () => {
    const three = await fresh("three");
    const files = ["a.key", "b.key", "c.key"].map((name) => join(folder, name));
    const ended = await Promise.all(
      files.map((name) => three.weir(["migrate", "--admin-key-file", name])),
    );
    for (const { code, stdout, stderr } of ended) assert.equal(code, 0, stdout + stderr);
    const written = (await readdir(folder)).filter((name) => /^[abc]\.key$/.test(name));
    assert.equal(written.length, 1);
    assert.equal(await adminKeys(postgres, "three"), 1);
    assert.match(await readFile(join(folder, written[0] ?? ""), "utf8"), /^weir_prod_/);
  });
  await t.test("a file that cannot be written: no key is created", async () => {
    const four = await fresh("four");
    const { code, stderr } = await four.weir(["migrate", "--admin-key-file", "/proc/x/admin.key"]);
    assert.equal(code, 1);
    assert.match(stderr, /no administrator key was created: cannot write/);
    assert.equal(await adminKeys(postgres, "four"), 0);
    await refused(four, /admin key: /);
  });
});

/** Kills a first `weir migrate` after its nth line, until it ends by itself. */
async function killAtStep(
  t: TestContext,
  postgres: ExternalPostgres,
  { step, round }: { readonly step: number; readonly round: number },
): Promise<boolean> {
  const name = `kill_${round}_${step}`;
  await createOwner(postgres, name);
  const installation = await installationOf(t, postgres, name);
  const keyFile = join(await createTestFolder(t), "admin.key");
  const command = ["migrate", "--admin-key-file", keyFile];
  const cut = await installation.weir(command, {
    cut: (stderr) => stderr.split("\n").length > step,
  });
  const again = await installation.weir(command);
  assert.equal(again.code, 0, again.stderr);
  assert.equal(await adminKeys(postgres, name), 1);
  const key = (await readFile(keyFile, "utf8")).trim();
  const known = await migrates(installation, { WEIR_ADMIN_KEY: key });
  assert.doesNotMatch(known, /warning/, "the file holds the key of the installation");
  assert.equal(await problemsOf(installation), "");
  if (step % 16 === 1) await serves(installation);
  await postgres.clear([name], ["weir_app", "weir_ingest"]);
  return cut.code === null;
}

test("killed at each step, migrate completes what is missing, with one key", async (t) => {
  const postgres = await startExternalPostgres(t);
  for (let round = 0; round < Math.max(1, kills); round++) {
    let killed = 0;
    for (let step = 1; ; step += kills > 0 ? 1 : 12) {
      if (!(await killAtStep(t, postgres, { step, round }))) break;
      killed++;
    }
    assert.ok(killed >= 3, `killed ${killed} times`);
  }
});
