/**
 * All checks of the code except its tests: `check.ts [step…]`. A step fails when it finds a problem, and
 * also when it checked nothing.
 */
import { execFile } from "node:child_process";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { stripVTControlCharacters } from "node:util";

interface Step {
  readonly name: string;
  /** A script, run by this Node, and its arguments. */
  readonly command: readonly string[];
  /** Finds the number of checked items in the output, as the first group. */
  readonly evidence: RegExp;
}

interface Result {
  readonly step: Step;
  readonly problem: string | undefined;
  readonly checked: string;
  readonly seconds: number;
  readonly output: string;
}

/** Lines of output shown of a failed step. */
const shownLines = 200;
const root = join(import.meta.dirname, "..");
const tool = (path: string) => join(root, "node_modules", path);
const oxlint = tool("oxlint/bin/oxlint");
const tsc = tool("typescript/bin/tsc");

/** The slow steps first, so that the short ones fill the gaps. */
const steps: readonly Step[] = [
  {
    name: "docs",
    command: [join(root, "scripts", "check-docs.ts")],
    evidence: /(\d+) blocks/,
  },
  {
    name: "generated",
    command: [join(root, "scripts", "generate.ts"), "--check"],
    evidence: /(\d+) generated files/,
  },
  {
    name: "unused",
    command: [
      tool("knip/bin/knip.js"),
      "--reporter=compact",
      "--reporter=./scripts/knip-count.mjs",
    ],
    evidence: /Checked (\d+) files/,
  },
  {
    name: "awaits",
    command: [oxlint, "--type-aware", "--deny-warnings", "."],
    evidence: /on (\d+) files/,
  },
  {
    name: "schemas in SQL",
    command: [join(root, "scripts", "check-sql.ts")],
    evidence: /(\d+) SQL statements/,
  },
  {
    name: "types",
    command: [tsc, "-p", "tsconfig.json", "--diagnostics"],
    evidence: /Files:\s+(\d+)/,
  },
  {
    name: "types of the dashboard",
    command: [tsc, "-p", "dashboard/tsconfig.json", "--diagnostics"],
    evidence: /Files:\s+(\d+)/,
  },
  {
    name: "types of the shop's pages",
    command: [tsc, "-p", "shop/src/storefront/browser/tsconfig.json", "--diagnostics"],
    evidence: /Files:\s+(\d+)/,
  },
  {
    name: "format and lint",
    command: [tool("@biomejs/biome/bin/biome"), "check", "--error-on-warnings", "."],
    evidence: /Checked (\d+) files/,
  },
];

const asked = process.argv.slice(2);
const chosen = steps.filter(({ name }) => asked.length === 0 || asked.includes(name));
if (chosen.length === 0) {
  console.error(`The steps are: ${steps.map(({ name }) => name).join(", ")}`);
  process.exit(2);
}

const waiting = [...chosen];
const results: Result[] = [];
await Promise.all(Array.from({ length: availableParallelism() }, work));
for (const { step, output } of results.filter(({ problem }) => problem !== undefined)) {
  const lines = output.trim().split("\n");
  const more = lines.length > shownLines ? [`… and ${lines.length - shownLines} more lines`] : [];
  process.stdout.write(
    `\n── ${step.name} ──\n${[...lines.slice(0, shownLines), ...more].join("\n")}\n`,
  );
}
const failed = results.filter(({ problem }) => problem !== undefined).length;
process.stdout.write(`\ncheck: ${results.length - failed} passed, ${failed} failed\n`);
process.exitCode = failed === 0 ? 0 : 1;

async function work(): Promise<void> {
  for (let step = waiting.shift(); step !== undefined; step = waiting.shift()) {
    const result = await run(step);
    results.push(result);
    process.stdout.write(
      `${result.problem === undefined ? "ok  " : "FAIL"}  ${step.name.padEnd(24)}` +
        `${result.seconds.toFixed(1).padStart(6)} s  ${result.problem ?? result.checked}\n`,
    );
  }
}

function run(step: Step): Promise<Result> {
  const began = performance.now();
  return new Promise((resolve) => {
    execFile(
      process.execPath,
      [...step.command],
      {
        cwd: root,
        maxBuffer: 64 * 1024 * 1024,
        timeout: 300_000,
        env: { ...process.env, NO_COLOR: "1" },
      },
      (error, stdout, stderr) => {
        const output = stripVTControlCharacters(`${stdout}${stderr}`);
        const count = Number(step.evidence.exec(output)?.[1] ?? 0);
        const seconds = (performance.now() - began) / 1000;
        const problem = problemOf(error, count);
        resolve({ step, problem, checked: `${count} checked`, seconds, output });
      },
    );
  });
}

function problemOf(
  error: (Error & { killed?: boolean }) | null,
  count: number,
): string | undefined {
  if (error?.killed === true) return "took more than 300 s";
  if (error !== null) return "see below";
  return count > 0 ? undefined : "checked nothing";
}
