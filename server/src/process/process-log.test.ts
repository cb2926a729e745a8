import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFile, statfs } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { createTestFolder } from "../../../testing/database.ts";
import { logLimits, openProcessLog } from "./process-log.ts";

test("the log has JSON lines only, whatever a child prints and however it ends", async (t) => {
  const folder = await createTestFolder(t);
  const log = openProcessLog(folder, { maxBytes: 1e6, files: 2 });
  const program = `
    process.stdout.write('{"msg":"of a pa');
    setTimeout(() => {
      process.stdout.write('rt"}\\nplain text\\n');
      process.emitWarning("a warning");
      console.error("direction \\u202e mark");
      process.stderr.write("an end without a line end");
      setTimeout(() => { throw new Error("uncaught"); }, 20);
    }, 20);
  `;
  const child = spawn(process.execPath, ["-e", program], { stdio: ["ignore", "pipe", "pipe"] });
  log.attach(child, "http");
  await once(child, "close");
  log.logger.warn({ process: "http" }, "of the supervisor");
  await log.close();
  const text = await readFile(join(folder, "weir.log"), "utf8");
  assert.doesNotMatch(text, /\u202e/);
  const lines = text
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as Record<string, string>);
  const messages = lines.map(({ msg }) => msg ?? "");
  for (const expected of [
    /^of a part$/,
    /^plain text$/,
    /Warning: a warning/,
    /^direction \u202e mark$/m,
    /an end without a line end/,
    /Error: uncaught\n {4}at /,
    /^of the supervisor$/,
  ]) {
    assert.ok(
      messages.some((message) => expected.test(message)),
      `${expected} in ${JSON.stringify(messages)}`,
    );
  }
  const wrapped = lines.find(({ msg }) => msg === "plain text");
  assert.deepEqual(
    [wrapped?.["part"], wrapped?.["output"], wrapped?.["level"]],
    ["http", "stdout", "warn"],
  );
});

test("all files of a log together take at most half of their disk", async (t) => {
  const folder = await createTestFolder(t);
  const { blocks, bsize } = await statfs(folder);
  const log = { level: "info", max_size: "1000 TiB", files: 4 } as const;
  const { maxBytes, files } = logLimits({ log }, join(folder, "not", "there"));
  assert.deepEqual([maxBytes, files], [Math.floor((blocks * bsize) / 8), 4]);
  assert.equal(logLimits({ log: { ...log, max_size: "1 MiB" } }, folder).maxBytes, 1_048_576);
});
