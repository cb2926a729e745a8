import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { createTestFolder } from "../../../testing/database.ts";
import { runCommand } from "../../test/helpers/weir.ts";
import { parseApiKey } from "../core/access/api-key.ts";

test("secrets init creates what is missing, readable by one user, and changes nothing", async (t) => {
  const folder = join(await createTestFolder(t), "secrets");
  const init = async () => {
    const { exitCode, output, stdout } = await runCommand([
      ...["--json", "secrets", "init", "--dir", folder],
    ]);
    assert.equal(exitCode, 0, output);
    return JSON.parse(stdout) as { files: { name: string; state: string }[] };
  };
  const first = await init();
  assert.ok(first.files.every(({ state }) => state === "created"));
  const read = (name: string) => readFileSync(join(folder, name), "utf8").trim();
  for (const name of readdirSync(folder)) {
    assert.equal(statSync(join(folder, name)).mode & 0o777, 0o600, name);
  }
  assert.equal(parseApiKey(read("admin_key")).env, "prod");
  assert.match(
    read("database_url"),
    /^postgresql:\/\/weir_owner:[0-9A-Za-z]{32}@postgres:5432\/weir$/,
  );
  const hash = createHash("sha256").update(read("redis_password")).digest("hex");
  assert.ok(read("redis_users").includes(`#${hash} `), "the hash of the same password");
  assert.ok(read("redis_url").includes(`:${read("redis_password")}@`));
  const environment = readFileSync(join(folder, "..", ".env"), "utf8");
  assert.match(environment, /^WEIR_UID=[1-9]\d*$/m, "no container runs as root");

  const before = readdirSync(folder).map(read);
  rmSync(join(folder, "redis_users"));
  const again = await init();
  const created = again.files.filter(({ state }) => state === "created").map(({ name }) => name);
  assert.deepEqual(created, ["redis_users"]);
  assert.deepEqual(readdirSync(folder).map(read), before);
  assert.equal(readFileSync(join(folder, "..", ".env"), "utf8"), environment);

  writeFileSync(join(folder, "admin_key"), "");
  const { exitCode, output } = await runCommand(["secrets", "init", "--dir", folder]);
  assert.notEqual(exitCode, 0);
  assert.match(output, /admin_key is empty/);
});
