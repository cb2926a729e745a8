/** From the bytes of one element to its JSON value, or to why it is refused. */
import { isAscii, isUtf8 } from "node:buffer";
import { limits } from "@weir/protocol";
import { type Decimal, decimalOf, parseDecimal } from "../decimal.ts";
import { pointerAt } from "./json-pointer.ts";
import type { Element, Flaw } from "./json-scan.ts";
import { type Rejection, reject } from "./record.ts";

/** A body and what is known of all of it, so that it is not asked again for each element. */
export interface Body {
  readonly bytes: Buffer;
  readonly isUtf8: boolean;
  /** The whole as one string when a byte is a character; else undefined. */
  readonly text: string | undefined;
}

export function readBody(bytes: Buffer): Body {
  const ascii = isAscii(bytes);
  return {
    bytes,
    isUtf8: ascii || isUtf8(bytes),
    text: ascii ? bytes.toString("latin1") : undefined,
  };
}

/** A number that a double cannot hold, as its sender wrote it. */
class LongNumber {
  readonly source: string;

  constructor(source: string) {
    this.source = source;
  }
}

export interface Parsed {
  /** As JSON.parse reads it: for checks of form. */
  readonly value: unknown;
  /** The same, with long numbers as `LongNumber`: for facts. */
  readonly exact: unknown;
}

const problems: Readonly<Record<Flaw, string>> = {
  depth: `is nested deeper than ${limits.eventDepth} levels. Flatten it.`,
  nul: "holds \\u0000, which PostgreSQL cannot keep. Remove it.",
  surrogate: "holds half of a surrogate pair, which is no character. Send the pair, or remove it.",
  control: "holds a raw control character. Escape it, as in \\n.",
  number_range: "holds a number that a double cannot hold. Send it as a string.",
  number_length: "holds a number of more than 128 characters. Send it as a string.",
  utf8: "is not valid UTF-8. Encode the text as UTF-8.",
};

/** JSON.parse of one element alone, after the limits that it does not know. */
export function parseElement(body: Body, element: Element): Parsed | Rejection {
  const { bytes } = body;
  const { start, end } = element;
  if (end - start > limits.eventBytes) {
    const size = `${end - start} bytes, more than the ${limits.eventBytes} that an event may have`;
    return reject("", `has ${size}. Send less in it.`, { code: "too_large" });
  }
  if (element.flaw !== undefined) {
    return reject(pointerAt(bytes, start, element.flawAt), problems[element.flaw]);
  }
  if (!body.isUtf8 && !isUtf8(bytes.subarray(start, end))) {
    return reject(pointerAt(bytes, start, firstInvalid(bytes, start, end)), problems.utf8);
  }
  if (element.members > limits.eventProperties) {
    const count = `${element.members} members over all nesting, more than ${limits.eventProperties}`;
    return reject("", `has ${count}. Send fewer.`);
  }
  const text = body.text?.slice(start, end) ?? bytes.toString("utf8", start, end);
  try {
    const value: unknown = JSON.parse(text);
    const exact: unknown = element.longNumbers ? parseExactly(text, keepLong) : value;
    return { value, exact };
  } catch (error) {
    return reject("", `is not valid JSON: ${syntaxProblem(error)}. Mend it and send it again.`, {
      code: "malformed_json",
    });
  }
}

// The source text of a number is given to the reviver since V8 11.4; TypeScript does not know it yet.
const parseExactly = JSON.parse as (
  text: string,
  reviver: (name: string, value: unknown, context: { readonly source?: string }) => unknown,
) => unknown;

function keepLong(_name: string, value: unknown, context: { readonly source?: string }): unknown {
  if (typeof value !== "number" || context.source === undefined) return value;
  return context.source.length > 15 ? new LongNumber(context.source) : value;
}

/** V8's words without its quotation of what was sent. */
function syntaxProblem(error: unknown): string {
  const message = error instanceof Error ? error.message : "";
  const position = /at position \d+/.exec(message)?.[0];
  const what = /^(Unexpected end of JSON input|Bad [a-z ]+|Expected [^("]+?)(?= in JSON|$)/.exec(
    message,
  );
  return [what?.[1] ?? "unexpected text", position].filter(Boolean).join(" ");
}

function firstInvalid(bytes: Buffer, start: number, end: number): number {
  let low = start;
  let high = end;
  // the longest valid prefix, give or take the bytes of one cut character
  while (low + 1 < high) {
    const middle = (low + high) >> 1;
    const cut = [0, 1, 2, 3].some((n) =>
      isUtf8(bytes.subarray(start, Math.max(start, middle - n))),
    );
    if (cut) low = middle;
    else high = middle;
  }
  return low;
}

/** The exact decimal that a JSON value holds as a number, or as a string of one. */
export function decimalIn(value: unknown): Decimal | undefined {
  if (typeof value === "number") return decimalOf(value);
  if (typeof value === "string") return parseDecimal(value);
  if (value instanceof LongNumber) return parseDecimal(value.source);
  return undefined;
}
