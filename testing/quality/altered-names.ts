import { pick, type Random, seededRandom } from "../../server/src/parts/demo/random.ts";

export interface NamedCase {
  readonly kind: string;
  /** The product's own name. */
  readonly name: string;
  /** The search text. */
  readonly query: string;
}

const letters = [..."abcdefghijklmnopqrstuvwxyz"] as [string, ...string[]];

const alterations = {
  "one typo": (name: string, random: Random) => {
    const at = pickLetter(name, random);
    const wrong = pick(random, letters);
    const before = name.slice(0, at);
    const after = name.slice(at + 1);
    const kind = Math.floor(random() * 4);
    if (kind === 0) return before + wrong + after;
    if (kind === 1) return before + after;
    if (kind === 2) return before + wrong + name.slice(at);
    return before + name.slice(at + 1, at + 2) + (name[at] as string) + name.slice(at + 2);
  },
  "one word dropped": (name: string, random: Random) => {
    const words = name.split(" ");
    if (words.length < 3) return name;
    words.splice(Math.floor(random() * words.length), 1);
    return words.join(" ");
  },
  "two words swapped": (name: string, random: Random) => {
    const words = name.split(" ");
    if (words.length < 2) return name;
    const first = Math.floor(random() * words.length);
    const second = (first + 1 + Math.floor(random() * (words.length - 1))) % words.length;
    const kept = words[first] as string;
    words[first] = words[second] as string;
    words[second] = kept;
    return words.join(" ");
  },
} as const;

/**
 * Equally many of each alteration, the same for the same seed. An ambiguous query is left out: one
 * that is another product's name, or that two products' names share when a word is dropped.
 */
export function alteredNames(
  names: readonly string[],
  options: { readonly count: number; readonly seed: number },
): NamedCase[] {
  const random = seededRandom(options.seed);
  const kinds = Object.keys(alterations) as [
    keyof typeof alterations,
    ...(keyof typeof alterations)[],
  ];
  const answers = countAnswers(names);
  const cases: NamedCase[] = [];
  while (cases.length < options.count) {
    const kind = kinds[cases.length % kinds.length] as keyof typeof alterations;
    const name = pick(random, names as [string, ...string[]]);
    const query = alterations[kind](name, random);
    if (sameWords(query) === sameWords(name) && kind !== "two words swapped") continue;
    if (query === name || (answers.get(sameWords(query)) ?? 0) > 1) continue;
    cases.push({ kind, name, query });
  }
  return cases;
}

/** How many products a bag of words may mean: it equals the name, or the name without one word. */
function countAnswers(names: readonly string[]): Map<string, number> {
  const products = new Map<string, Set<string>>();
  const add = (words: readonly string[], name: string) => {
    const bag = sameWords(words.join(" "));
    products.set(bag, (products.get(bag) ?? new Set()).add(name));
  };
  for (const name of names) {
    const words = name.split(" ");
    add(words, name);
    for (let at = 0; at < words.length; at++) add(words.toSpliced(at, 1), name);
  }
  return new Map([...products].map(([bag, of]) => [bag, of.size]));
}

function sameWords(name: string): string {
  return (name.toLowerCase().match(/[\p{L}\p{N}]+/gu) ?? []).sort().join(" ");
}

function pickLetter(name: string, random: Random): number {
  for (;;) {
    const at = Math.floor(random() * (name.length - 1));
    if (/[a-z]/i.test(name[at] as string)) return at;
  }
}
