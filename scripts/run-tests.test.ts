/** The runner of tests: which failures it repeats, and what it then reports. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";

async function runFixtures(t: TestContext, names: readonly string[], ci = "true") {
  const folder = mkdtempSync(join(tmpdir(), "weir-fixtures-"));
  t.after(() => rmSync(folder, { recursive: true }));
  const files = names.map((name) => `testing/runner-fixtures/${name}.test.ts`);
  const runner = join(import.meta.dirname, "run-tests.ts");
  const { NODE_TEST_CONTEXT: _, ...environment } = process.env;
  const child = spawn(process.execPath, [runner, "fixtures", ...files], {
    env: { ...environment, CI: ci, WEIR_FIXTURE_FOLDER: folder },
  });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.on("data", (chunk: Buffer) => {
      output += chunk;
    });
  }
  const code = await new Promise((resolve) => child.once("close", resolve));
  return { code, output };
}

test("a file that was late runs once more, and is reported with its first failure", async (t) => {
  const { code, output } = await runFixtures(t, ["late-once", "refused-once"]);
  assert.equal(code, 0, output);
  assert.match(
    output,
    /^unstable: testing\/runner-fixtures\/late-once\.test\.ts: is late in its first run: waited 5 ms for the moon$/m,
  );
  assert.match(output, /^unstable: .*refused-once.*$/m);
  assert.match(output, /^# tests 3\n(?:.*\n)*# pass 3\n# fail 0\n(?:.*\n)*# unstable 2$/m);
  assert.match(output, /failing tests[\s\S]*once more, alone/, "its first output is kept");
});

test("a wrong value fails the run at once, also beside a time-out", async (t) => {
  const { code, output } = await runFixtures(t, ["exact-once"]);
  assert.equal(code, 1, output);
  assert.doesNotMatch(output, /once more/);
  assert.match(output, /^# fail 2$/m);
});

test("a wrong state may be a late one", async (t) => {
  const { code, output } = await runFixtures(t, ["wrong-once"]);
  assert.equal(code, 0, output);
  assert.match(output, /^unstable: .*wrong-once\.test\.ts: below another: /m);
});

test("a file that is late again fails the run", async (t) => {
  const { code, output } = await runFixtures(t, ["late-always"]);
  assert.equal(code, 1, output);
  assert.match(output, /once more/);
  assert.match(output, /^# fail 1$/m);
});

test("more than three late files are not the machine's fault", async (t) => {
  const { code, output } = await runFixtures(t, [
    ...["late-once", "late-once-1", "late-once-2", "late-once-3"],
  ]);
  assert.equal(code, 1, output);
  assert.doesNotMatch(output, /once more/);
});

test("outside of CI no file runs twice", async (t) => {
  const { code, output } = await runFixtures(t, ["late-once"], "");
  assert.equal(code, 1, output);
  assert.doesNotMatch(output, /once more|unstable/);
});
