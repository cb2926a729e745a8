/**
 * Makes one mistake at a time in a copy of the code and runs the tests that should notice:
 * `npm run mutate [-- <area or folder>... --sample N --seed N --jobs N --json FILE --list]`.
 * Mistakes are written down by area in `areas/`, and a sample of small ones is generated from the
 * sources. Exits with 1 when a mutant survived, none was tried, or a written text no longer occurs.
 */
import { writeFile } from "node:fs/promises";
import { join, relative, resolve } from "node:path";
import { parseArgs } from "node:util";
import { areas } from "./areas/areas.ts";
import { type CollectOptions, collect } from "./collect.ts";
import { judge, measureBaseline } from "./judge.ts";
import type { Area, Outcome } from "./mutant.ts";
import { type AreaReport, closingLines, hasFailed, outcomeLine, scoreOf } from "./report.ts";
import { makeWorkingCopy, type WorkingCopy } from "./working-copy.ts";

const root = join(import.meta.dirname, "..", "..");
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    sample: { type: "string", default: "15" },
    seed: { type: "string", default: "1" },
    jobs: { type: "string", default: "1" },
    json: { type: "string" },
    list: { type: "boolean", default: false },
  },
});

process.exitCode = await main();

async function main(): Promise<number> {
  const names = new Set(areas.map(({ name }) => name));
  const below = positionals
    .filter((given) => !names.has(given))
    .map((path) => relative(root, resolve(process.env["INIT_CWD"] ?? root, path)));
  const chosen = areas.filter(({ name }) => positionals.includes(name) || positionals.length === 0);
  const options = { root, seed: Number(values.seed), sample: Number(values.sample) };
  const tasks = [
    ...chosen.map((area) => ({ area, options: { ...options, below: [] } })),
    ...(below.length === 0 ? [] : areas.filter((area) => !chosen.includes(area))).map((area) => ({
      area,
      options: { ...options, below },
    })),
  ];
  if (values.list) return list(tasks);

  const reports: AreaReport[] = [];
  const copies: WorkingCopy[] = [];
  try {
    for (let n = 0; n < Number(values.jobs); n++) copies.push(await makeWorkingCopy(root));
    for (const task of tasks) {
      const report = await runArea(copies, task);
      if (report !== undefined) reports.push(report);
    }
  } finally {
    for (const copy of copies) await copy.remove();
  }
  process.stdout.write(`\n${closingLines(reports).join("\n")}\n`);
  if (values.json !== undefined) await writeFile(values.json, json(reports));
  return hasFailed(reports) ? 1 : 0;
}

interface Task {
  readonly area: Area;
  readonly options: CollectOptions;
}

/** Undefined when the area has nothing below the folders asked for. */
async function runArea(
  copies: readonly WorkingCopy[],
  { area, options }: Task,
): Promise<AreaReport | undefined> {
  const [first] = copies;
  if (first === undefined) throw new Error("--jobs has to be at least 1");
  // from the copy: the tree itself may be edited while this runs
  const { mutants, explained, faults } = collect(area, { ...options, root: first.folder });
  if (mutants.length + explained + faults.length === 0) return undefined;
  const outcomes: Outcome[] = [];
  if (mutants.length > 0) {
    const baseline = await measureBaseline(first, area);
    const seconds = baseline.reduce((sum, next) => sum + next, 0).toFixed(1);
    print(`${area.name}: ${mutants.length} mutants, tests take ${seconds} s`);
    const waiting = [...mutants];
    await Promise.all(
      copies.map(async (copy) => {
        for (let mutant = waiting.shift(); mutant !== undefined; mutant = waiting.shift()) {
          const outcome = await judge(copy, { area, baseline, mutant });
          print(outcomeLine(outcome));
          outcomes.push(outcome);
        }
      }),
    );
  }
  return { area: area.name, outcomes, explained, faults };
}

function list(tasks: readonly Task[]): number {
  let isSound = true;
  for (const { area, options } of tasks) {
    const { mutants, faults } = collect(area, options);
    for (const { file, line, operator, before, after } of mutants) {
      print(`${area.name}: ${file}:${line} ${operator}\n  - ${before}\n  + ${after}`);
    }
    for (const fault of faults) print(`fault: ${fault}`);
    if (faults.length > 0) isSound = false;
  }
  return isSound ? 0 : 1;
}

function json(reports: readonly AreaReport[]): string {
  const content = reports.map((report) => ({ ...report, score: scoreOf(report) }));
  return `${JSON.stringify({ seed: values.seed, sample: values.sample, areas: content }, null, 2)}\n`;
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}
