/** What a mutation run works on. */

/** One change of the code, written down by hand: a mistake that the tests of its area must notice. */
export interface Mutation {
  /** From the root of the repository; a file of TypeScript or of one SQL function. */
  readonly in: string;
  /** Occurs exactly once in the file. */
  readonly from: string;
  readonly to: string;
}

/** A generated mutant that no test can kill, because the program behaves the same, and why. */
export interface Equivalent {
  readonly in: string;
  /** The line (the first one of several) before and after the change, as the report prints them. */
  readonly from: string;
  readonly to: string;
  readonly because: string;
}

/** A promise of the code, the files that keep it and the tests that guard it. */
export interface Area {
  readonly name: string;
  /** Mutants are generated from these files. */
  readonly sources: readonly string[];
  /** In the order in which they run; the first that fails ends it, so the fastest comes first. */
  readonly tests: readonly string[];
  /** Names of tests that are left out, as a regular expression: those that start a PostgreSQL of their own. */
  readonly skip?: string;
  /** For the tests, e.g. a smaller number of generated cases. */
  readonly env?: Readonly<Record<string, string>>;
  readonly mutations: readonly Mutation[];
  readonly equivalent: readonly Equivalent[];
}

/** A change ready to be made: `text[start, end)` becomes `replacement`. */
export interface Mutant {
  readonly area: string;
  readonly file: string;
  readonly line: number;
  /** What was changed, in words: `committed`, or the name of the generic operator. */
  readonly operator: string;
  readonly start: number;
  readonly end: number;
  readonly replacement: string;
  /** The line before and after; of several lines the first, and an ellipsis. */
  readonly before: string;
  readonly after: string;
}

/**
 * `killed`: a test failed. `timed out`: the tests did not end, which counts as killed. `invalid`: the
 * changed program is none (syntax, types, SQL), which counts as nothing.
 */
export type Verdict = "killed" | "timed out" | "survived" | "invalid";

export interface Outcome {
  readonly mutant: Mutant;
  readonly verdict: Verdict;
  readonly seconds: number;
}

export interface Edit {
  readonly operator: string;
  readonly start: number;
  readonly end: number;
  readonly replacement: string;
}

/** Turns a place in a file's text into a mutant. */
export function mutantAt(
  { area, file, text }: { area: string; file: string; text: string },
  edit: Edit,
): Mutant {
  const lineStart = text.lastIndexOf("\n", edit.start - 1) + 1;
  const lineEnd = endOfLine(text, edit.end);
  return {
    area,
    file,
    ...edit,
    line: text.slice(0, edit.start).split("\n").length,
    before: firstLine(text.slice(lineStart, lineEnd)),
    after: firstLine(
      text.slice(lineStart, edit.start) + edit.replacement + text.slice(edit.end, lineEnd),
    ),
  };
}

export function applied(text: string, { start, end, replacement }: Edit | Mutant): string {
  return text.slice(0, start) + replacement + text.slice(end);
}

function endOfLine(text: string, from: number): number {
  const found = text.indexOf("\n", from);
  return found === -1 ? text.length : found;
}

function firstLine(lines: string): string {
  const [first = "", ...rest] = lines.trim().split("\n");
  return rest.length === 0 ? first : `${first} ...`;
}
