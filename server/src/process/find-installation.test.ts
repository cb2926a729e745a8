import assert from "node:assert/strict";
import { chownSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { createTestFolder } from "../../../testing/database.ts";
import { findInstallation } from "./find-installation.ts";

async function folders(t: TestContext) {
  const root = await createTestFolder(t);
  const [checkout, project] = [join(root, "checkout"), join(root, "project")];
  const deep = join(project, "a", "b");
  for (const folder of [checkout, deep]) mkdirSync(folder, { recursive: true });
  return { checkout, project, deep };
}

test("the nearest folder upwards with .weir or weir.yaml is the installation", async (t) => {
  const { checkout, project, deep } = await folders(t);
  mkdirSync(join(checkout, ".weir"));
  writeFileSync(join(project, "weir.yaml"), "");
  assert.deepEqual(findInstallation(deep, checkout), {
    home: project,
    because: `nearest above ${deep}`,
  });
  mkdirSync(join(project, "a", ".weir"));
  assert.equal(findInstallation(deep, checkout).home, join(project, "a"));
  assert.deepEqual(findInstallation(join(project, "a"), checkout), {
    home: join(project, "a"),
    because: "current folder",
  });
});

test("a file of the name .weir is no installation", async (t) => {
  const { checkout, project, deep } = await folders(t);
  writeFileSync(join(deep, ".weir"), "");
  mkdirSync(join(project, ".weir"));
  assert.equal(findInstallation(deep, checkout).home, project);
});

test("without one, the checkout's own is used if there is one, else the current folder", async (t) => {
  const { checkout, deep } = await folders(t);
  assert.deepEqual(findInstallation(deep, checkout), { home: deep, because: "current folder" });
  mkdirSync(join(checkout, ".weir"));
  assert.deepEqual(findInstallation(deep, checkout), {
    home: checkout,
    because: "checkout of Weir",
  });
});

test("above the current folder, an installation of another user is passed over", {
  skip: process.getuid?.() !== 0,
}, async (t) => {
  const { checkout, project, deep } = await folders(t);
  mkdirSync(join(project, ".weir"));
  chownSync(join(project, ".weir"), 65_534, 65_534);
  assert.equal(findInstallation(deep, checkout).home, deep);
  assert.equal(findInstallation(project, checkout).home, project);
});
