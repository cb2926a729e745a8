/**
 * Runs a group of tests: `run-tests.ts <unit|promises|services> [path…] [--name <regex>] [--coverage]`. Paths select
 * the files below them. A run that executed no test fails, and so does a file that declares none. In CI, files of some
 * groups run once more when they were late (test-reruns.ts).
 */
import { globSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, matchesGlob, relative, resolve } from "node:path";
import { run } from "node:test";
import { spec } from "node:test/reporters";
import { parseArgs } from "node:util";
import { fileTimes } from "./file-times.ts";
import { printCoverage } from "./test-coverage.ts";
import { groups } from "./test-groups.ts";
import { causesOf, describe, type Failure, filesToRerun } from "./test-reruns.ts";

const sources = ["{protocol,sdk,server,shop}/src/**/*.ts"];
/** Conformance suites are tests that several test files share. */
const notSources = ["**/*.test.ts", "**/conformance/**"];

const root = join(import.meta.dirname, "..");
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { name: { type: "string" }, coverage: { type: "boolean", default: false } },
});
const [groupName = "", ...paths] = positionals;
const group = groups[groupName];
if (group === undefined) {
  throw new Error(`The groups of tests are ${Object.keys(groups).join(", ")}; not "${groupName}"`);
}

const files = globSync([...group.files], {
  cwd: root,
  exclude: ["**/node_modules/**", ...group.without],
})
  .filter((file) => paths.length === 0 || paths.some((path) => isBelow(file, path)))
  .sort();
if (files.length === 0) {
  console.error(`No test file matches ${[...group.files, ...paths].join(" ")}`);
  process.exit(1);
}

// Weir's processes of the tests share a cache of compiled code: each start takes a third less CPU. Coverage
// is less exact with it.
if (!values.coverage && process.env["NODE_COMPILE_CACHE"] === undefined) {
  const compiled = mkdtempSync(join(tmpdir(), "weir-compiled-"));
  process.env["NODE_COMPILE_CACHE"] = compiled;
  process.on("exit", () => rmSync(compiled, { recursive: true, force: true }));
}

/** Of the last run of each file. */
const countsOf = new Map<string, Readonly<Record<string, number>>>();
const failures = new Map<string, Failure[]>();
let durationMs = 0;
let executed = 0;
const filesWithTests = new Set<string>();
const milliseconds = new Map<string, number>();

const alone = files.filter((file) => group.alone.some((pattern) => matchesGlob(file, pattern)));
const others = files.filter((file) => !alone.includes(file));
if (alone.length > 0) await runFiles(alone, 1);
if (others.length > 0) await runFiles(others, group.concurrency);

const firstFailures = [...failures.values()].flat();
const mayRerun = group.reruns !== undefined && process.env["CI"] === "true";
const unstable = mayRerun ? filesToRerun(firstFailures, group.reruns) : [];
for (const file of unstable) {
  process.stdout.write(`\n=== once more, alone: ${file}\n`);
  failures.delete(file);
  await runFiles([file], 1);
}

async function runFiles(chosen: readonly string[], concurrency: number): Promise<void> {
  const stream = run({
    files: chosen.map((file) => join(root, file)),
    cwd: root,
    concurrency: Math.min(concurrency, chosen.length),
    timeout: group?.timeout ?? 0,
    execArgv: [
      "--disable-warning=ExperimentalWarning",
      `--import=${join(root, "testing/property-seed.ts")}`,
    ],
    ...(values.name === undefined ? {} : { testNamePatterns: [new RegExp(values.name)] }),
    ...(values.coverage
      ? {
          coverage: true,
          coverageIncludeGlobs: sources,
          coverageExcludeGlobs: notSources,
        }
      : {}),
  });
  stream.on("test:summary", (summary) => {
    // There is one summary for each file, and a last one for all.
    if (summary.file === undefined) {
      durationMs += summary.duration_ms;
      if (!summary.success && failures.size === 0) failures.set("", []);
      return;
    }
    const file = relative(root, summary.file);
    milliseconds.set(file, (milliseconds.get(file) ?? 0) + summary.duration_ms);
    countsOf.set(file, { ...summary.counts });
  });
  stream.on("test:fail", ({ name, file, details, todo }) => {
    if (todo !== undefined && todo !== false) return;
    const failed = file === undefined ? "" : relative(root, file);
    const { error } = details;
    failures.set(failed, [...(failures.get(failed) ?? []), { file: failed, name, error }]);
  });
  for (const outcome of ["test:pass", "test:fail"] as const) {
    stream.on(outcome, ({ name, file, skip, todo }) => {
      // A file without tests is reported as one passed test with the path as its name.
      if (file === undefined || resolve(root, name) === file) return;
      filesWithTests.add(file);
      if (!skip && !todo) executed += 1;
    });
  }
  stream.on("test:coverage", ({ summary }) => {
    printCoverage(summary, {
      root,
      sources: globSync(sources, { cwd: root, exclude: notSources }),
    });
  });
  await stream
    .filter((event: { type: string }) => event.type !== "test:coverage")
    .compose(new spec())
    .forEach((text: string) => {
      process.stdout.write(text);
    });
}

process.stdout.write(fileTimes(milliseconds, { shownFromSeconds: 5, limitSeconds: 40 }));
const empty = files.filter((file) => !filesWithTests.has(join(root, file)));
const isEmpty = executed === 0 || (values.name === undefined && empty.length > 0);
if (isEmpty)
  console.error(`No test ran in ${executed === 0 ? paths.join(", ") : empty.join(", ")}`);

for (const file of unstable) {
  const [first] = causesOf(firstFailures.filter((failure) => failure.file === file));
  if (first !== undefined) process.stdout.write(`${describe(first)}\n`);
}
// The last lines have the format of Node's TAP reporter, which CI systems parse.
for (const [key, word] of Object.entries({
  tests: "tests",
  suites: "suites",
  passed: "pass",
  failed: "fail",
  cancelled: "cancelled",
  skipped: "skipped",
  todo: "todo",
})) {
  const count = [...countsOf.values()].reduce((sum, counts) => sum + (counts[key] ?? 0), 0);
  process.stdout.write(`# ${word} ${count}\n`);
}
process.stdout.write(`# duration_ms ${durationMs}\n`);
if (mayRerun) process.stdout.write(`# unstable ${unstable.length}\n`);
process.exitCode = failures.size === 0 && !isEmpty ? 0 : 1;

function isBelow(file: string, path: string): boolean {
  const wanted = relative(root, join(root, path));
  return file === wanted || file.startsWith(`${wanted}/`);
}
