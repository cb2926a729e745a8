import type { Outcome } from "./mutant.ts";

/** Of one area, or of all. */
export interface Score {
  readonly killed: number;
  readonly timedOut: number;
  readonly survived: number;
  readonly explained: number;
  readonly invalid: number;
}

export interface AreaReport {
  readonly area: string;
  readonly outcomes: readonly Outcome[];
  readonly explained: number;
  readonly faults: readonly string[];
}

export function scoreOf({
  outcomes,
  explained,
}: Pick<AreaReport, "outcomes" | "explained">): Score {
  const count = (verdict: Outcome["verdict"]): number =>
    outcomes.filter((outcome) => outcome.verdict === verdict).length;
  return {
    killed: count("killed"),
    timedOut: count("timed out"),
    survived: count("survived"),
    explained,
    invalid: count("invalid"),
  };
}

/** A run that tried nothing, let a mutant live or has a rotten list has failed. */
export function hasFailed(reports: readonly AreaReport[]): boolean {
  const { killed, timedOut, survived } = totalOf(reports);
  const tried = killed + timedOut + survived;
  return tried === 0 || survived > 0 || reports.some(({ faults }) => faults.length > 0);
}

/** One line for a mutant; with its change when it lives. */
export function outcomeLine({ mutant, verdict, seconds }: Outcome): string {
  const place = `${mutant.file}:${mutant.line}`;
  const line = `${verdict.padEnd(9)} ${mutant.area}: ${place} ${mutant.operator} (${seconds.toFixed(1)} s)`;
  return verdict === "survived" ? `${line}\n  - ${mutant.before}\n  + ${mutant.after}` : line;
}

/** The table of scores and the closing lines, in the form that node's TAP reporter gives them. */
export function closingLines(reports: readonly AreaReport[]): string[] {
  const total = totalOf(reports);
  const faults = reports.flatMap((report) => report.faults);
  const passed = total.killed + total.timedOut;
  const failed = total.survived + faults.length;
  return [
    "| area | killed | timed out | survived | explained | not valid |",
    "|---|---|---|---|---|---|",
    ...reports.map((report) => row(report.area, scoreOf(report))),
    row("all", total),
    ...faults.map((fault) => `fault: ${fault}`),
    `${passed} of ${passed + total.survived} mutants killed`,
    `# tests ${passed + failed}`,
    `# pass ${passed}`,
    `# fail ${failed}`,
  ];
}

function row(name: string, { killed, timedOut, survived, explained, invalid }: Score): string {
  return `| ${[name, killed, timedOut, survived, explained, invalid].join(" | ")} |`;
}

function totalOf(reports: readonly AreaReport[]): Score {
  return scoreOf({
    outcomes: reports.flatMap(({ outcomes }) => outcomes),
    explained: reports.reduce((sum, { explained }) => sum + explained, 0),
  });
}
