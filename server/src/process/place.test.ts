import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { createTestFolder } from "../../../testing/database.ts";
import { readFormat, writeFormat } from "./data-format.ts";
import { findFolderProblem, findPortProblem, portProblem } from "./place.ts";

const isRoot = process.getuid?.() === 0;
const isLinux = process.platform === "linux";

function problemOf(folder: string): string {
  const found = findFolderProblem(folder);
  if (found === undefined) return "none";
  assert.equal(found.setting, "data_dir");
  assert.match(found.hint, /--data/);
  return found.problem;
}

test("a new folder and one that was used before can be used", async (t) => {
  const folder = join(await createTestFolder(t), "new", "data");
  assert.equal(problemOf(folder), "none");
  writeFormat(folder);
  assert.equal(problemOf(folder), "none");
});

test("a file, a folder below a file and one below /proc cannot be used", async (t) => {
  const file = join(await createTestFolder(t), "file");
  writeFileSync(file, "");
  assert.match(problemOf(file), /file is not a folder/);
  assert.match(problemOf(join(file, "below")), /file is not a folder/);
  if (isLinux) assert.match(problemOf("/proc/weir/data"), /no folder can be created there/);
});

test("a folder of another user cannot be used, nor a database of another user", {
  skip: !isRoot,
}, async (t) => {
  const folder = await createTestFolder(t);
  mkdirSync(join(folder, "postgres", "cluster"), { recursive: true });
  const asOther = (mode: string) => {
    spawnSync("chmod", ["-R", mode, folder]);
    const code = `
      process.setgroups([]); process.setgid(65534); process.setuid(65534);
      console.log(JSON.stringify(findFolderProblem(${JSON.stringify(folder)}) ?? "none"));`;
    const module = new URL("./place.ts", import.meta.url).href;
    // loaded as root: the checkout may be in a folder that no other user can enter
    const text = `import { findFolderProblem } from ${JSON.stringify(module)};${code}`;
    return spawnSync(process.execPath, ["--input-type=module", "--eval", text]).stdout.toString();
  };
  spawnSync("chmod", ["711", join(folder, "..")]);
  assert.match(asOther("755"), /user 65534 may not write there/);
  assert.match(asOther("777"), /its database belongs to user 0, and this process runs as 65534/);
});

for (const [name, options, expected] of [
  ["on a read-only file system", "size=1m,ro", /it is on a read-only file system/],
  ["on a full disk", "size=16k", /its disk is full/],
  ["on a disk that is too small", "size=8m", /its disk has \d+ MB free, and .* needs 100 MB/],
] as const) {
  test(`a folder ${name} cannot be used`, { skip: !isRoot || !isLinux }, async (t) => {
    const folder = await createTestFolder(t);
    if (!mount(t, folder, options)) return t.skip("this machine does not allow mounts");
    assert.match(problemOf(folder), expected);
  });
}

function mount(t: TestContext, folder: string, options: string): boolean {
  const { status } = spawnSync("mount", ["-t", "tmpfs", "-o", options, "tmpfs", folder]);
  t.after(() => spawnSync("umount", [folder]));
  return status === 0;
}

test("a folder that a newer version wrote cannot be used by this one", async (t) => {
  const folder = await createTestFolder(t);
  writeFileSync(join(folder, "format.json"), '{"version":"99.1.0","migration":9999}');
  assert.match(problemOf(folder), /it was written by a newer Weir \(99\.1\.0\)/);
  writeFormat(folder);
  assert.equal(readFormat(folder)?.isNewer, false);
});

async function portProblemOf(host: string, port: number) {
  return findPortProblem({ http: { host, port } as never });
}

test("a free port can be used; a taken one, a foreign address and an unknown name are blamed", async (t) => {
  const other = createServer();
  t.after(() => other.close());
  const port = await new Promise<number>((resolve) =>
    other.listen(0, "127.0.0.1", () => {
      const address = other.address();
      resolve(typeof address === "object" && address !== null ? address.port : 0);
    }),
  );
  assert.equal(await portProblemOf("127.0.0.1", 0), undefined);
  const taken = await portProblemOf("127.0.0.1", port);
  assert.deepEqual(
    [taken?.setting, taken?.problem],
    ["http.port", `port ${port} on 127.0.0.1 is already in use`],
  );
  // of TEST-NET-1, which no machine has
  const foreign = await portProblemOf("192.0.2.1", 0);
  assert.deepEqual(
    [foreign?.setting, foreign?.problem],
    ["http.host", "192.0.2.1 is not an address of this machine"],
  );
  const began = performance.now();
  const unknown = await portProblemOf("no-such-host.invalid", 0);
  assert.ok(performance.now() - began < 5_000);
  assert.deepEqual(
    [unknown?.setting, unknown?.problem],
    ["http.host", "the host name no-such-host.invalid cannot be resolved"],
  );
});

test("a privileged port is blamed on the port", () => {
  const error = new Error("listen EACCES");
  const found = portProblem("EACCES", { host: "127.0.0.1", port: 80, error });
  assert.match(found.problem, /may not listen on port 80 of 127\.0\.0\.1/);
  assert.deepEqual([found.setting, found.hint.includes("--port")], ["http.port", true]);
});
