import assert from "node:assert/strict";
import { mkdir, readdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { createTestFolder } from "../../../../testing/database.ts";
import { writeFileAtomically } from "./atomic-file.ts";
import { createSpaceReader } from "./file-systems.ts";

test("a file is replaced whole or stays as it was, with its mode, and no draft is left", async (t) => {
  const folder = join(await createTestFolder(t), "keys");
  const path = join(folder, "admin.key");
  writeFileAtomically(path, "one");
  writeFileAtomically(path, "two");
  assert.equal(await readFile(path, "utf8"), "two");
  assert.equal((await stat(path)).mode & 0o777, 0o600);
  assert.equal((await stat(folder)).mode & 0o777, 0o700);
  // the rename fails after everything was written
  await mkdir(join(folder, "is-a-folder", "with-content"), { recursive: true });
  assert.throws(() => writeFileAtomically(join(folder, "is-a-folder"), "x"));
  assert.deepEqual((await readdir(folder)).sort(), ["admin.key", "is-a-folder"]);
});

test("the space of a folder that does not exist yet is that of the one above it", async (t) => {
  const folder = await createTestFolder(t);
  const read = createSpaceReader(
    new Map([
      ["here", folder],
      ["later", join(folder, "a", "b")],
      ["proc", "/proc"],
      ["nowhere", join(folder, "\0")],
    ]),
  );
  const spaces = await read();
  assert.deepEqual([...(await read()).keys()], [...spaces.keys()]);
  const here = spaces.get("here");
  assert.ok(here !== undefined && here.freeBytes > 0 && here.totalBytes > here.freeBytes);
  assert.equal(spaces.get("later")?.device, here.device);
  assert.notEqual(spaces.get("proc")?.device, here.device);
  assert.equal(spaces.has("nowhere"), false);
});
