/** The job's own tests, linter and types, in the environment that it runs in. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { cp } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";
import { createTestFolder } from "../../../../testing/database.ts";
import { sparkInstall, sparkTools } from "../../../../testing/servers/install/spark.ts";
import { requireServers } from "../../../../testing/servers/required-servers.ts";

const root = join(import.meta.dirname, "../../../..");
const servers = await requireServers("spark");

const checks: readonly (readonly string[])[] = [
  ["ruff", "format", "--check", "."],
  ["ruff", "check", "."],
  ["mypy", "src", "tests"],
  ["pytest", "-p", "no:cacheprovider"],
];

for (const [tool = "", ...args] of checks) {
  test(`${[tool, ...args].join(" ")} in jobs/spark`, servers, async (t) => {
    const installed = sparkInstall.find();
    assert.ok(installed !== undefined);
    const { python } = sparkTools(installed);
    // a copy: the tools leave caches
    const folder = await createTestFolder(t);
    await cp(join(root, "jobs/spark"), join(folder, "jobs/spark"), { recursive: true });
    await cp(join(root, "testing/qdrant-shim"), join(folder, "testing/qdrant-shim"), {
      recursive: true,
    });
    const run = promisify(execFile)(python, ["-m", tool, ...args], {
      cwd: join(folder, "jobs/spark"),
      env: { ...process.env, PYSPARK_PYTHON: python, SPARK_LOCAL_DIRS: folder },
      timeout: 240_000,
      maxBuffer: 16 * 1024 * 1024,
    });
    await run.catch((error: { stdout?: string; stderr?: string }) => {
      assert.fail(`${error.stdout}\n${error.stderr?.slice(-4_000)}`);
    });
  });
}
