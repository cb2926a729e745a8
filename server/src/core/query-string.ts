/** The query of a URL, read strictly: what is not valid is refused, never repaired. */
import { WeirError } from "./errors.ts";
import { textFlaw } from "./text-flaw.ts";

export interface QueryEntry {
  readonly name: string;
  readonly value: string;
}

const mostEntries = 100;
const longestName = 200;

/** The part of a request target after the first `?`, if there is one. */
export function queryOf(target: string): string {
  const at = target.indexOf("?");
  return at < 0 ? "" : target.slice(at + 1);
}

/**
 * Names and values in their order, decoded: `+` is a space, `%xx` must be valid UTF-8 (RFC 3629, so no
 * overlong forms and no surrogates). Empty pieces, as in `a=1&&b=2`, have no meaning.
 * @throws WeirError `invalid_query`
 */
export function readQueryString(text: string): QueryEntry[] {
  if (text === "") return [];
  const pieces = text.split("&", mostEntries + 1).filter((piece) => piece !== "");
  if (pieces.length > mostEntries) {
    throw invalid("", `at most ${mostEntries} parameters are allowed`);
  }
  return pieces.map((piece) => {
    const equals = piece.indexOf("=");
    const name = decode(equals < 0 ? piece : piece.slice(0, equals), "a parameter's name");
    if (name.length > longestName) {
      throw invalid(
        name.slice(0, 50),
        `the name of a parameter may have at most ${longestName} characters`,
      );
    }
    return { name, value: equals < 0 ? "" : decode(piece.slice(equals + 1), name) };
  });
}

function decode(text: string, pointer: string): string {
  let decoded: string;
  try {
    decoded = decodeURIComponent(text.replaceAll("+", " "));
  } catch {
    throw invalid(
      pointer,
      "is not valid percent-encoded UTF-8; encode the text as UTF-8, and % as %25",
    );
  }
  const flaw = textFlaw(decoded);
  if (flaw !== undefined) throw invalid(pointer, flaw);
  return decoded;
}

function invalid(pointer: string, detail: string): WeirError {
  return new WeirError("invalid_query", {
    detail: pointer === "" ? detail : `${pointer}: ${detail}`,
    errors: [{ pointer, detail }],
  });
}
