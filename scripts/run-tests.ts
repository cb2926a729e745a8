/**
 * Runs a group of tests: `run-tests.ts <unit|promises|services> [path…] [--name <regex>]`. Paths select
 * the files below them. A run that executed no test fails, and so does a file that declares none.
 */
import { globSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join, relative, resolve } from "node:path";
import { run } from "node:test";
import { spec } from "node:test/reporters";
import { parseArgs } from "node:util";
import { printCoverage } from "./test-coverage.ts";

interface Group {
  readonly files: readonly string[];
  readonly without: readonly string[];
  readonly coverage: boolean;
  /** Files that run at the same time: one more than cores, because database tests mostly wait for PostgreSQL. */
  readonly concurrency: number;
  /** Time limit of one file, in milliseconds. */
  readonly timeout: number;
}

const promises = "server/test/promises/**/*.test.ts";
const services = "server/test/{services,e2e}/**/*.test.ts";

const groups: Readonly<Record<string, Group>> = {
  unit: {
    files: ["{protocol,sdk,server,dashboard,bench,scripts}/**/*.test.ts"],
    without: [promises, services],
    coverage: true,
    concurrency: availableParallelism() + 1,
    timeout: 120_000,
  },
  promises: {
    files: [promises],
    without: [],
    coverage: false,
    concurrency: 1,
    timeout: 600_000,
  },
  services: {
    files: [services],
    without: [],
    coverage: false,
    concurrency: 1,
    timeout: 300_000,
  },
};

const sources = ["{protocol,sdk,server}/src/**/*.ts"];
/** Conformance suites are tests that several test files share. */
const notSources = ["**/*.test.ts", "**/conformance/**"];

const root = join(import.meta.dirname, "..");
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { name: { type: "string" } },
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

const stream = run({
  files: files.map((file) => join(root, file)),
  cwd: root,
  concurrency: Math.min(group.concurrency, files.length),
  timeout: group.timeout,
  execArgv: [
    "--disable-warning=ExperimentalWarning",
    `--import=${join(root, "testing/property-seed.ts")}`,
  ],
  ...(values.name === undefined ? {} : { testNamePatterns: [new RegExp(values.name)] }),
  ...(group.coverage && paths.length === 0
    ? {
        coverage: true,
        coverageIncludeGlobs: sources,
        coverageExcludeGlobs: notSources,
      }
    : {}),
});

let counts: Record<string, number> | undefined;
let succeeded = false;
let executed = 0;
const filesWithTests = new Set<string>();
stream.on("test:summary", (summary) => {
  // There is one summary for each file, and a last one for all.
  if (summary.file !== undefined) return;
  counts = { ...summary.counts, duration_ms: summary.duration_ms };
  succeeded = summary.success;
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
  printCoverage(summary, { root, sources: globSync(sources, { cwd: root, exclude: notSources }) });
});
await stream
  .filter((event: { type: string }) => event.type !== "test:coverage")
  .compose(new spec())
  .forEach((text: string) => {
    process.stdout.write(text);
  });

const empty = files.filter((file) => !filesWithTests.has(join(root, file)));
const isEmpty = executed === 0 || (values.name === undefined && empty.length > 0);
if (isEmpty)
  console.error(`No test ran in ${executed === 0 ? paths.join(", ") : empty.join(", ")}`);

// The last lines have the format of Node's TAP reporter, which CI systems parse.
for (const [key, word] of Object.entries({
  tests: "tests",
  suites: "suites",
  passed: "pass",
  failed: "fail",
  cancelled: "cancelled",
  skipped: "skipped",
  todo: "todo",
  duration_ms: "duration_ms",
})) {
  process.stdout.write(`# ${word} ${counts?.[key] ?? 0}\n`);
}
process.exitCode = succeeded && !isEmpty ? 0 : 1;

function isBelow(file: string, path: string): boolean {
  const wanted = relative(root, join(root, path));
  return file === wanted || file.startsWith(`${wanted}/`);
}
