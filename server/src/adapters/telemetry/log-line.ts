/**
 * The form of every line of a log file: one JSON object, without characters that a terminal, an editor or a
 * log viewer would act on. This is the only place where they are escaped.
 */

/**
 * Controls, DEL and C1 (terminals execute them), direction marks and overrides (they reorder what is
 * shown: CVE-2021-42574), line and paragraph separators (some readers split lines there), byte order mark.
 */
const unsafe =
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is looked for
  /[\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]/;
const allUnsafe = new RegExp(unsafe, "g");

/**
 * A JSON text on one line, with every unsafe character as `\uXXXX`. Valid JSON has them only inside
 * strings, so its meaning stays the same.
 */
export function escapeLine(json: string): string {
  return unsafe.test(json) ? json.replace(allUnsafe, unicodeEscape) : json;
}

function unicodeEscape(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;
}

/** One line, without its end. */
export function jsonLine(fields: Readonly<Record<string, unknown>>): string {
  return escapeLine(JSON.stringify(fields));
}

/** Longer output is cut: a program that prints without line ends must not fill the memory. */
const longestText = 65_536;

/**
 * The lines of a program's output. Lines that are JSON objects stay; neighbouring lines of other text (a stack
 * trace, a warning of a library) become the message of one JSON line with the fields of `about`.
 */
export function asJsonLines(
  lines: readonly string[],
  about: () => Readonly<Record<string, unknown>>,
): string[] {
  const found: string[] = [];
  let text: string[] = [];
  const endText = () => {
    const msg = text.join("\n").trim().slice(0, longestText);
    if (msg !== "") found.push(jsonLine({ ...about(), msg }));
    text = [];
  };
  for (const line of lines) {
    if (!isJsonObject(line)) text.push(line);
    else {
      endText();
      found.push(escapeLine(line.trim()));
    }
  }
  endText();
  return found;
}

function isJsonObject(line: string): boolean {
  if (!line.startsWith("{")) return false;
  try {
    JSON.parse(line);
    return true;
  } catch {
    return false;
  }
}
