import assert from "node:assert/strict";
import { readdir, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { createTestFolder } from "../../../../testing/database.ts";
import { pruneServerLogs } from "./server-logs.ts";

test("the oldest files of PostgreSQL's log go, whatever their names; the newest stays, however long", async (t) => {
  const folder = await createTestFolder(t);
  const files = [
    ["postgresql-Mon.log", 50],
    ["postgresql-20261130T1200.log", 40],
    ["postgresql-20261130T1201.log", 30],
    ["postgresql-20261130T1202.log", 30],
  ] as const;
  for (const [n, [name, size]] of files.entries()) {
    await writeFile(join(folder, name), "x".repeat(size));
    await utimes(join(folder, name), 1_000 + n, 1_000 + n);
  }
  await writeFile(join(folder, "other.log"), "x".repeat(1_000));
  await pruneServerLogs(folder, { maxBytes: 70 });
  const kept = ["other.log", "postgresql-20261130T1201.log", "postgresql-20261130T1202.log"];
  assert.deepEqual((await readdir(folder)).sort(), kept);
  await pruneServerLogs(folder, { maxBytes: 1 });
  assert.deepEqual((await readdir(folder)).sort(), ["other.log", "postgresql-20261130T1202.log"]);
});
