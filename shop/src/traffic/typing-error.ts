import type { Random } from "./random.ts";

/** One slip of the fingers in the longest word: a letter lost, doubled or exchanged with the next. */
export function mistype(text: string, random: Random): string {
  const longest = text.split(/\s+/).reduce((a, b) => (b.length > a.length ? b : a), "");
  if (longest.length < 4) return text;
  // not the first letter: people notice that one
  const at = 1 + Math.floor(random() * (longest.length - 2));
  const [before, letter, after] = [longest.slice(0, at), longest[at] ?? "", longest.slice(at + 1)];
  const slips = [
    before + after,
    before + letter + letter + after,
    before + after.slice(0, 1) + letter + after.slice(1),
  ];
  const wrong = slips[Math.floor(random() * slips.length)] ?? longest;
  return text.replace(longest, () => wrong);
}
