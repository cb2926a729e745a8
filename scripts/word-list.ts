/**
 * Words that Weir's texts do not use, with what to write instead. They are the dialect of the first texts:
 * correct English that no engineer of the field writes. `check-docs.ts` refuses them in documents, in the
 * API document, in the pages' texts and in comments.
 */
interface Refused {
  readonly pattern: RegExp;
  readonly instead: string;
}

const refused: readonly Refused[] = [
  { pattern: /\bmend(s|ed|ing)?\b/i, instead: "fix, repair, correct" },
  { pattern: /\banew\b/i, instead: "again, or name the action: recompute, rebuild, refit" },
  { pattern: /\bwished\b/i, instead: "target" },
  { pattern: /\bin peace\b/i, instead: "on purpose, without error" },
  { pattern: /\bparted by\b/i, instead: "separated by" },
  { pattern: /\b(is|are|was|were|be|been) away\b/i, instead: "is down, is unavailable" },
  // not the UNIX user of that name, nor a made-up id in quotes
  {
    pattern: /\b(whoever|somebody|(?<!["'`=])nobody(?!["'`]))\b/i,
    instead: "the process, role or person by name",
  },
  { pattern: /\b(is|are|was|were|been|be) told\b/i, instead: "is notified, is reported" },
  { pattern: /\bstands? still\b/i, instead: "stops, is stuck, does not advance" },
  { pattern: /\bgives? (it|them|\w+ letters?) up\b/i, instead: "discard, abandon" },
  { pattern: /\bgiven up\b/i, instead: "discarded; as a heading: Trade-offs" },
  { pattern: /\blooks? after\b/i, instead: "manages, maintains" },
  { pattern: /\bgo(es)? on\b/i, instead: "continues, resumes" },
  { pattern: /\bfor ever\b/i, instead: "forever, without limit" },
  { pattern: /\b\w+ of before\b(?!\.)/i, instead: "previous" },
  { pattern: /\bleast level\b/i, instead: "minimum level" },
  { pattern: /\btastes?\b/i, instead: "interest, interests" },
];

export interface Finding {
  /** From 1. */
  readonly line: number;
  readonly word: string;
  readonly instead: string;
}

/** Every refused word of a text, in the order of its lines. */
export function refusedWords(text: string): Finding[] {
  return text.split("\n").flatMap((line, index) =>
    refused.flatMap(({ pattern, instead }) => {
      const word = pattern.exec(line)?.[0];
      return word === undefined ? [] : [{ line: index + 1, word, instead }];
    }),
  );
}
