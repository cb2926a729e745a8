import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { test } from "node:test";

const program = (end: string) => `
  const at = (path) => import(new URL(path, ${JSON.stringify(import.meta.url)}).href);
  const { openLogOutput } = await at("../adapters/telemetry/log-output.ts");
  const { createLogger } = await at("../adapters/telemetry/logger.ts");
  const { logProcessFailures } = await at("./log-failures.ts");
  const output = openLogOutput({ part: "test" });
  const logger = createLogger("info", { part: "test" }, output);
  logProcessFailures({ logger, writeLast: output.writeLast });
  process.emitWarning("a \\u202e warning");
  setTimeout(() => {
    logger.info({}, "the last words");
    ${end}
  }, 20);
`;

for (const [what, end] of [
  ["an exception", 'throw new Error("\\u009b31m");'],
  ["a rejection", 'void Promise.reject(new Error("\\u009b31m"));'],
  ["a thrown text", 'throw "\\u009b31m";'],
] as const) {
  test(`${what} that nothing catches is the last JSON line, after all others, and the exit code is 1`, () => {
    const { status, stdout, stderr } = spawnSync(
      process.execPath,
      ["--input-type=module", "-e", program(end)],
      { encoding: "utf8", timeout: 20_000 },
    );
    assert.equal(status, 1, stderr);
    assert.equal(stderr, "");
    assert.doesNotMatch(stdout, /[\u009b\u202e]/);
    const lines = stdout.trim().split("\n");
    const [warning, words, last] = lines.map((line) => JSON.parse(line));
    assert.equal(lines.length, 3);
    assert.deepEqual([warning.warning, warning.reason], ["Warning", "a \u202e warning"]);
    assert.equal(words.msg, "the last words");
    assert.deepEqual([last.reason, last.level], ["\u009b31m", "error"]);
    assert.match(last.msg, /ends the process/);
  });
}
