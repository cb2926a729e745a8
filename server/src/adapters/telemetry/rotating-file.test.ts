import assert from "node:assert/strict";
import { mkdir, readdir, readFile, rename, rm, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { createTestFolder } from "../../../../testing/database.ts";
import { until } from "../../../../testing/until.ts";
import { LineQueue } from "./line-queue.ts";
import { RotatingFile } from "./rotating-file.ts";

const line = (n: number) => JSON.stringify({ n, text: "x".repeat(80) });

/** The numbers in all files of a log, oldest first. */
async function numbersIn(folder: string): Promise<number[]> {
  const names = (await readdir(folder)).sort((a, b) => b.localeCompare(a, "en", { numeric: true }));
  const texts = await Promise.all(names.map((name) => readFile(join(folder, name), "utf8")));
  return texts.flatMap((text) =>
    text
      .split("\n")
      .filter((one) => one !== "")
      .map((one) => (JSON.parse(one) as { n: number }).n),
  );
}

const openFiles = async () => (await readdir("/proc/self/fd").catch(() => [])).length;

test("a log is rotated by size without a lost line, a file too many or an open file left", async (t) => {
  const folder = await createTestFolder(t);
  const path = join(folder, "weir.log");
  const file = new RotatingFile({ path, maxBytes: 10_000, files: 4 });
  const before = await openFiles();
  for (let n = 0; n < 1_000; n += 10) {
    const lines = Array.from({ length: 10 }, (_, i) => `${line(n + i)}\n`);
    await file.write(Buffer.from(lines.join("")));
  }
  assert.deepEqual((await readdir(folder)).sort(), [
    "weir.log",
    "weir.log.1",
    "weir.log.2",
    "weir.log.3",
  ]);
  const found = await numbersIn(folder);
  const first = found[0] as number;
  assert.deepEqual(
    found,
    Array.from({ length: 1_000 - first }, (_, n) => first + n),
  );
  assert.ok(found.length > 250, `${found.length} lines are kept`);
  assert.equal(await openFiles(), before + (before === 0 ? 0 : 1));
  file.close();
});

test("files of an earlier version are shortened to the limits, also much too long ones", async (t) => {
  const folder = await createTestFolder(t);
  const lines = Array.from({ length: 1_000 }, (_, n) => line(n)).join("\n");
  await writeFile(join(folder, "weir.log"), `${lines}\n`);
  await writeFile(join(folder, "weir.log.1"), "old\n");
  await writeFile(join(folder, "weir.log.7"), "older\n");
  const file = new RotatingFile({ path: join(folder, "weir.log"), maxBytes: 10_000, files: 2 });
  await file.write(Buffer.from(`${line(1_000)}\n`));
  file.close();
  assert.deepEqual((await readdir(folder)).sort(), ["weir.log", "weir.log.1"]);
  const found = await numbersIn(folder);
  assert.equal(found.at(-1), 1_000);
  assert.ok(found.length > 90 && found.length < 120, `${found.length} lines are kept`);
});

test("a file that is deleted or renamed from outside is opened again", async (t) => {
  const folder = await createTestFolder(t);
  const path = join(folder, "weir.log");
  const queue = new LineQueue({
    target: new RotatingFile({ path, maxBytes: 1e6, files: 2 }),
    about: {},
  });
  queue.push(line(0));
  await until(() => readFile(path).catch(() => undefined), { what: "the first line" });
  for (const take of [() => rm(path), () => rename(path, join(folder, "taken"))]) {
    await take();
    await until(
      async () => {
        queue.push(line(1));
        return (await readFile(path, "utf8").catch(() => "")).includes('"n":1');
      },
      { what: "lines in the new file", everyMs: 100 },
    );
  }
});

test("lines wait for a full disk up to a limit, further ones are dropped and counted in one line", async (t) => {
  const folder = join(await createTestFolder(t), "logs");
  const path = join(folder, "weir.log");
  await mkdir(folder);
  await symlink("/dev/full", path);
  let dropped = 0;
  const queue = new LineQueue({
    target: new RotatingFile({ path, maxBytes: 1e6, files: 2 }),
    about: { part: "supervisor" },
    onDropped: (lines) => {
      dropped += lines;
    },
    limit: 1_000,
    retryMs: 10,
  });
  queue.push(line(0));
  await until(async () => (await openFiles()) >= 0 && queue.dropped === 0, { what: "a failure" });
  for (let n = 1; n < 100; n++) queue.push(line(n));
  assert.ok(dropped > 80 && dropped === queue.dropped, `${dropped} dropped`);
  await rm(path);
  const lines = await until(
    async () => {
      const text = await readFile(path, "utf8").catch(() => "");
      return (
        text.includes("dropped") &&
        text
          .trim()
          .split("\n")
          .map((one) => JSON.parse(one))
      );
    },
    { what: "the lines that waited" },
  );
  const report = lines.pop();
  assert.deepEqual(
    lines.map(({ n }) => n),
    Array.from({ length: 100 - dropped }, (_, n) => n),
  );
  assert.deepEqual(
    [report.lines, report.part, report.msg],
    [dropped, "supervisor", "log lines were dropped"],
  );
  assert.match(report.reason, /ENOSPC/);
  assert.equal(await queue.end(1_000), true);
});
