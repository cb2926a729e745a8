/** What becomes of a mutant: its area's tests decide. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { parseSync } from "oxc-parser";
import type { Area, Mutant, Outcome, Verdict } from "./mutant.ts";
import type { WorkingCopy } from "./working-copy.ts";

/** Seconds that each test file takes without a change, in the order of the area. */
export type Baseline = readonly number[];

const longestBaselineSeconds = 300;
/** A test that takes so many times longer than without the change hangs. */
const patience = 4;
const leastLimitSeconds = 15;

/** Runs the tests of the area as they are. Rejects when one fails: then nothing can be said. */
export async function measureBaseline(copy: WorkingCopy, area: Area): Promise<Baseline> {
  const baseline: number[] = [];
  for (const test of area.tests) {
    const ended = await runTest(copy, { area, test, seconds: longestBaselineSeconds });
    if (ended.code !== 0) {
      throw new Error(`${area.name}: ${test} fails without a mutant\n${ended.output}`);
    }
    baseline.push(ended.seconds);
  }
  return baseline;
}

export async function judge(
  copy: WorkingCopy,
  { area, baseline, mutant }: { area: Area; baseline: Baseline; mutant: Mutant },
): Promise<Outcome> {
  const started = performance.now();
  const verdict = await copy.with(mutant.file, mutant, async (): Promise<Verdict> => {
    if (await isInvalid(copy, mutant)) return "invalid";
    for (const [n, test] of area.tests.entries()) {
      const seconds = Math.max(leastLimitSeconds, patience * (baseline[n] ?? 0));
      const { code } = await runTest(copy, { area, test, seconds });
      if (code === undefined) return "timed out";
      if (code !== 0) return "killed";
    }
    return (await typesFail(copy, mutant)) ? "invalid" : "survived";
  });
  return { mutant, verdict, seconds: (performance.now() - started) / 1_000 };
}

/** Whether the changed file is no program at all. */
async function isInvalid(copy: WorkingCopy, { file }: Mutant): Promise<boolean> {
  if (file.endsWith(".ts")) {
    const text = await readFile(join(copy.folder, file), "utf8");
    return parseSync(file, text).errors.length > 0;
  }
  const { code } = await copy.node(["scripts/mutate/make-database.ts"], { seconds: 120 });
  return code !== 0;
}

/** Asked only for a mutant that no test noticed, as it takes seconds: the types may refuse it. */
async function typesFail(copy: WorkingCopy, { file }: Mutant): Promise<boolean> {
  if (!file.endsWith(".ts")) return false;
  const { code } = await copy.node(["node_modules/typescript/bin/tsc", "-p", "tsconfig.json"], {
    seconds: 300,
  });
  return code !== 0;
}

/** Ends at the first test that fails. */
function runTest(
  copy: WorkingCopy,
  { area, test, seconds }: { area: Area; test: string; seconds: number },
): ReturnType<WorkingCopy["node"]> {
  const skip = area.skip === undefined ? [] : [`--test-skip-pattern=${area.skip}`];
  return copy.node(
    ["--import=./testing/property-seed.ts", "--test-reporter=tap", ...skip, test],
    // what does not come within 8 s (the baseline did) does not come
    { seconds, stopAt: /^ *not ok /m, env: { WEIR_TEST_WAIT_MS: "8000", ...area.env } },
  );
}
