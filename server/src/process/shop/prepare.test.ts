import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { statSync } from "node:fs";
import { join } from "node:path";
import { after, type TestContext, test } from "node:test";
import { createTestFolder, startTestServer } from "../../../../testing/database.ts";
import { withRole } from "../../adapters/postgres/location.ts";
import { openPool } from "../../adapters/postgres/pool.ts";
import { restoreRights } from "../../adapters/postgres/rights.ts";
import {
  separateGroup,
  separationProblems,
  separationStatements,
} from "../../adapters/postgres/separate-databases.ts";
import { loadConfig } from "../../config/load.ts";
import { DatabaseError } from "../../core/ports/database.ts";
import { readPolicies } from "../../parts/auth/policies.ts";
import { applyPolicies } from "../../parts/auth/roles.ts";
import { policiesFolder } from "../paths.ts";
import { readSecretFile, writeSecretFile } from "../run-file.ts";
import { prepareShop, separateDatabases, shopDatabaseUrl } from "./prepare.ts";
import { shopKeyFile } from "./secrets.ts";
import { busDatabase, type ShopSender, shopDatabases, shopSenders } from "./services.ts";

const refused = { permission: "42501", password: "28P01" };

/** A server of its own, because roles belong to a server and not to a database. */
const started = startTestServer({ after }, { durable: false });

/** With nothing of the shop in it, as one that ran before there was a shop. */
async function installation(t: TestContext) {
  const server = await started;
  for (const name of [...shopDatabases, busDatabase]) {
    await server.owner.query({ text: `drop database if exists ${name}` });
  }
  for (const name of [...shopDatabases, busDatabase, separateGroup]) {
    await server.owner.query({ text: `drop role if exists ${name}` });
  }
  await server.owner.query({ text: "delete from auth.keys" });
  await server.owner.query({ text: "delete from auth.services" });
  await server.owner.query({
    text: "grant connect on database weir, postgres, template1 to public",
  });
  const dataDir = await createTestFolder(t);
  const config = loadConfig({
    env: {},
    cwd: dataDir,
    flags: { data_dir: { flag: "--data", value: dataDir } },
  });
  const roles = await readPolicies(policiesFolder);
  await restoreRights(server.owner);
  await applyPolicies({ database: server.owner, env: "dev", random: randomBytes }, roles);
  const prepare = (owner = server.urls.owner, isEmbedded = true) =>
    prepareShop({ config, urls: { owner }, isEmbedded });
  return { server, config, dataDir, prepare };
}

/** The code of the refusal; undefined when the login works. */
async function login(url: string): Promise<string | undefined> {
  await using pool = openPool({ url, applicationName: "test", max: 1 });
  try {
    await pool.query({ text: "select" });
    return undefined;
  } catch (error) {
    if (error instanceof DatabaseError) return error.code;
    throw error;
  }
}

test("the credentials of each service open its own database and no other", async (t) => {
  const { server, config, prepare } = await installation(t);
  const owner = server.urls.owner;
  // Weir's logins could connect by a right that everyone has
  assert.equal(await login(withRole(owner, "weir_app")), undefined);
  const done = await prepare();
  assert.ok(done.includes("create database shop_orders owner shop_orders"), done.join("\n"));
  assert.ok(!done.join().includes("SCRAM"), "no verifier is shown");

  const databases = separateDatabases(config);
  const others = ["weir", "postgres", "template1"].map((name) => ({
    name,
    guests: [] as string[],
  }));
  for (const { name: role, password } of databases) {
    for (const { name, guests } of [...databases, ...others]) {
      const code = await login(shopDatabaseUrl(owner, { name, role, password }));
      const expected = role === name || guests.includes(role) ? undefined : refused.permission;
      assert.equal(code, expected, `${role} -> ${name}`);
    }
    const guess = shopDatabaseUrl(owner, { name: role, password: "a guess" });
    assert.equal(await login(guess), refused.password, `${role} with a wrong password`);
  }
  assert.equal(await login(withRole(owner, "weir_app")), undefined, "Weir's own logins still work");
  assert.equal(await login(withRole(owner, "weir_ingest")), undefined);

  assert.deepEqual(await prepare(), [], "a second preparation finds nothing to do");
  // control: the check notices a door that is opened again
  await server.owner.query({ text: "grant connect on database shop_orders to public" });
  assert.equal(
    (await separationProblems(server.owner, { databases, closed: ["weir"] })).join("; "),
    "shop_bus can connect to shop_orders; shop_notifications can connect to shop_orders; shop_products can connect to shop_orders",
  );
  assert.deepEqual(await prepare(), ["revoke connect on database shop_orders from public"]);
});

test("a service whose password file was lost gets a new password", async (t) => {
  const { config, dataDir, server, prepare } = await installation(t);
  await prepare();
  const file = join(dataDir, "shop", "password-shop_products.secret");
  assert.equal(statSync(file).mode & 0o777, 0o600);
  writeSecretFile(file, "another-password-of-this-service");
  assert.deepEqual(await prepare(), ["alter role shop_products login password '…'"]);
  const [products] = separateDatabases(config);
  assert.equal(products?.password, "another-password-of-this-service");
  assert.equal(
    await login(shopDatabaseUrl(server.urls.owner, products ?? assert.fail())),
    undefined,
  );
});

test("each sender has a key of its own, with no permission that it does not need", async (t) => {
  const { server, dataDir, prepare } = await installation(t);
  await prepare();
  const files = Object.keys(shopSenders).map((name) => shopKeyFile(dataDir, name as ShopSender));
  const keys = files.map(readSecretFile);
  assert.equal(new Set(keys).size, files.length);
  assert.deepEqual(
    files.map((file) => statSync(file).mode & 0o777),
    files.map(() => 0o600),
  );
  await prepare();
  assert.deepEqual(files.map(readSecretFile), keys, "a second preparation makes no keys");
  const rows = await server.owner.query<{ name: string; permissions: string[] }>({
    text: `select s.name, r.permissions::text[] as permissions
           from auth.services s join auth.roles r on r.name = s.role where s.name like 'shop-%' order by 1`,
  });
  for (const { name, permissions } of rows) {
    const sends = permissions.includes("events.post.event_batch_ingest");
    assert.equal(sends, name !== "shop-storefront", name);
    assert.ok(
      permissions.every((one) => !one.includes("*")),
      name,
    );
  }
  assert.equal(rows.length, files.length);
});

test("an owner of an external database needs CREATEROLE and CREATEDB, and the error says so", async (t) => {
  const { server, prepare } = await installation(t);
  const run = (text: string) => server.owner.query({ text });
  const password = "of-the-operator";
  await run(`create role operator login createrole noinherit password '${password}'`);
  await run("grant weir_app to operator");
  for (const schema of ["auth", "clock"]) {
    await run(`grant usage on schema ${schema} to operator`);
    await run(`grant all on all tables in schema ${schema} to operator`);
    await run(`grant execute on all functions in schema ${schema} to operator`);
  }
  await run("alter database weir owner to operator");
  const operator = withRole(server.urls.owner, "operator", password);
  await assert.rejects(
    prepare(operator, false),
    /"operator" may not run: create database shop_products owner shop_products\. Give it CREATEROLE and CREATEDB/,
  );
  await run("alter role operator createdb");
  const done = await prepare(operator, false);
  assert.ok(done.includes("create database shop_bus owner shop_bus"), done.join("\n"));
  assert.deepEqual(await prepare(operator, false), []);
});

test("what an administrator runs is enough for an owner without rights", async (t) => {
  const { server, config, prepare } = await installation(t);
  const run = (text: string) => server.owner.query({ text });
  for (const statement of await separationStatements(separateDatabases(config), "weir")) {
    await run(statement);
  }
  await run("revoke connect on database postgres, template1 from public");
  await run("alter role operator nocreaterole nocreatedb");
  await run("grant connect on database weir to operator");
  const operator = withRole(server.urls.owner, "operator", "of-the-operator");
  assert.deepEqual(await prepare(operator, false), []);
});
