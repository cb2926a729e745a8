import { relative } from "node:path";

/** As `node:test` reports it, for one file or for all. */
interface Counts {
  readonly coveredLinePercent: number;
  readonly coveredBranchPercent: number;
  readonly coveredFunctionPercent: number;
}

interface CoverageSummary {
  readonly totals: Counts;
  readonly files: readonly (Counts & { readonly path: string; readonly totalLineCount: number })[];
}

/**
 * Prints the total coverage, the files with the most uncovered lines, and how many of `sources` no test
 * loaded: `node:test` knows only the files that a test loaded.
 */
export function printCoverage(
  { totals, files }: CoverageSummary,
  { root, sources }: { root: string; sources: readonly string[] },
): void {
  const measured = files.map((file) => ({
    path: relative(root, file.path),
    lines: Math.round(file.totalLineCount * (1 - file.coveredLinePercent / 100)),
    percent: file.coveredLinePercent,
  }));
  const worst = measured
    .filter(({ lines }) => lines > 0)
    .sort((a, b) => b.lines - a.lines)
    .slice(0, 10);
  const loaded = new Set(measured.map(({ path }) => path));
  const neverLoaded = sources.filter((path) => !loaded.has(path)).sort();
  const lines = [
    `Coverage of ${files.length} files: ${percent(totals.coveredLinePercent)} of lines, ` +
      `${percent(totals.coveredBranchPercent)} of branches, ${percent(totals.coveredFunctionPercent)} of functions`,
    ...worst.map(
      (file) =>
        `  ${String(file.lines).padStart(4)} uncovered lines in ${file.path} (${percent(file.percent)})`,
    ),
    `Loaded by no test of this run: ${neverLoaded.length} of ${sources.length} files`,
    ...neverLoaded.slice(0, 20).map((path) => `  ${path}`),
  ];
  process.stdout.write(`${lines.join("\n")}\n`);
}

function percent(value: number): string {
  return `${value.toFixed(1)} %`;
}
