import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { missingPackages } from "./installed-packages.mjs";

type Packages = Readonly<Record<string, object>>;

const here = { os: [process.platform], cpu: [process.arch] };
const elsewhere = { os: ["haiku"], cpu: [process.arch] };

test("an install that holds the lock file's versions and contents misses nothing", (t) => {
  const packages = { "": {}, server: {}, "node_modules/a": { version: "1.0.0", integrity: "x" } };
  assert.deepEqual(missing(t, packages, packages), []);
});

test("without npm's own record of a whole install, everything is missing", (t) => {
  assert.deepEqual(missing(t, { "node_modules/a": { version: "1.0.0" } }), ["node_modules/a"]);
});

test("another version or content is missing", (t) => {
  const wanted = {
    "node_modules/a": { version: "2.0.0", integrity: "x" },
    "node_modules/b": { version: "1.0.0", integrity: "y" },
  };
  const installed = {
    "node_modules/a": { version: "1.0.0", integrity: "x" },
    "node_modules/b": { version: "1.0.0", integrity: "x" },
  };
  assert.deepEqual(missing(t, wanted, installed), ["node_modules/a", "node_modules/b"]);
});

test("an optional package counts for the platform that it is made for, and only there", (t) => {
  const wanted = {
    "node_modules/here": { optional: true, ...here },
    "node_modules/here-as-text": { optional: true, os: process.platform, cpu: process.arch },
    "node_modules/not-there": { optional: true, os: ["!haiku"] },
    "node_modules/elsewhere": { optional: true, ...elsewhere },
    "node_modules/anywhere": { optional: true },
  };
  assert.deepEqual(missing(t, wanted, {}), [
    "node_modules/here",
    "node_modules/here-as-text",
    "node_modules/not-there",
  ]);
});

test("packages of the workspace are links and never missing", (t) => {
  assert.deepEqual(missing(t, { "node_modules/@weir/sdk": { link: true }, sdk: {} }, {}), []);
});

test("a lock file that is not there is an error, not an empty one", (t) => {
  assert.throws(() => missingPackages(folderOf(t)), /package-lock\.json is missing/);
});

function missing(t: TestContext, wanted: Packages, installed?: Packages): string[] {
  const folder = folderOf(t);
  writeFileSync(join(folder, "package-lock.json"), JSON.stringify({ packages: wanted }));
  if (installed !== undefined) {
    mkdirSync(join(folder, "node_modules"));
    writeFileSync(
      join(folder, "node_modules", ".package-lock.json"),
      JSON.stringify({ packages: installed }),
    );
  }
  return missingPackages(folder);
}

function folderOf(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), "weir-packages-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}
