/** The mutants of an area: those written down and a sample of the generated ones. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { makeRandom } from "../../testing/random.ts";
import type { Area, Equivalent, Mutant } from "./mutant.ts";
import { mutantAt } from "./mutant.ts";
import { mutateSql, mutateTypeScript } from "./operators.ts";

export interface Collected {
  readonly mutants: readonly Mutant[];
  /** Generated ones in the sample that behave the same, and are not tried. */
  readonly explained: number;
  /** What is wrong with the list itself: texts that the code no longer holds. */
  readonly faults: readonly string[];
}

export interface CollectOptions {
  readonly root: string;
  readonly seed: number;
  /** How many generated mutants at the most. */
  readonly sample: number;
  /** Only changes in files below these paths; empty: all. */
  readonly below: readonly string[];
}

export function collect(area: Area, options: CollectOptions): Collected {
  const { root, seed, sample, below } = options;
  const isWanted = (file: string): boolean =>
    below.length === 0 || below.some((path) => file === path || file.startsWith(`${path}/`));
  const faults: string[] = [];
  const mutants: Mutant[] = [];

  for (const { in: file, from, to } of area.mutations) {
    const text = read(root, file);
    const places = text?.split(from) ?? [];
    if (text === undefined || places.length !== 2) {
      const found =
        text === undefined ? "there is no such file" : `found ${places.length - 1} times`;
      faults.push(`${area.name}: ${file} has to hold this text once, ${found}: ${from}`);
    } else if (isWanted(file)) {
      const start = (places[0] as string).length;
      const edit = { operator: "written down", start, end: start + from.length, replacement: to };
      mutants.push(mutantAt({ area: area.name, file, text }, edit));
    }
  }

  const generated: Mutant[] = [];
  for (const file of area.sources) {
    const text = read(root, file);
    if (text === undefined) faults.push(`${area.name}: there is no file ${file}`);
    else generated.push(...generate(area.name, file, text));
  }
  for (const equivalent of area.equivalent) {
    if (generated.some((mutant) => isSame(equivalent, mutant))) continue;
    faults.push(
      `${area.name}: no generated mutant of ${equivalent.in} turns this: ${equivalent.from}`,
    );
  }
  const sampled = shuffled(
    generated.filter(({ file }) => isWanted(file)),
    seed,
  ).slice(0, sample);
  const isExplained = (mutant: Mutant): boolean =>
    area.equivalent.some((equivalent) => isSame(equivalent, mutant));
  mutants.push(...sampled.filter((mutant) => !isExplained(mutant)));
  return { mutants, explained: sampled.filter(isExplained).length, faults };
}

function generate(area: string, file: string, text: string): Mutant[] {
  const edits = file.endsWith(".sql") ? mutateSql(text) : mutateTypeScript(file, text);
  return edits.map((edit) => mutantAt({ area, file, text }, edit));
}

function isSame(equivalent: Equivalent, mutant: Mutant): boolean {
  return (
    mutant.file === equivalent.in &&
    mutant.before === equivalent.from &&
    mutant.after === equivalent.to
  );
}

/** Fisher and Yates; the same for the same seed. */
function shuffled<T>(list: readonly T[], seed: number): T[] {
  const random = makeRandom(seed);
  const result = [...list];
  for (let last = result.length - 1; last > 0; last--) {
    const other = Math.floor(random() * (last + 1));
    [result[last], result[other]] = [result[other] as T, result[last] as T];
  }
  return result;
}

function read(root: string, file: string): string | undefined {
  try {
    return readFileSync(join(root, file), "utf8");
  } catch {
    return undefined;
  }
}
