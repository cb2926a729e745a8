/** Parses the bytes of one element, or says why it is rejected. */
import { isAscii, isUtf8 } from "node:buffer";
import { limits } from "@weir/protocol";
import { type Decimal, decimalOf, parseDecimal } from "../decimal.ts";
import { pointerAt } from "./json-pointer.ts";
import type { Element, Flaw } from "./json-scan.ts";
import { type Rejection, reject } from "./record.ts";

/** A body and its properties, so that they are not computed again for each element. */
export interface Body {
  readonly bytes: Buffer;
  readonly isUtf8: boolean;
  /** The whole body as a string if every byte is one character; else undefined. */
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

/** A number that a double cannot represent, as its sender wrote it. */
class LongNumber {
  readonly source: string;

  constructor(source: string) {
    this.source = source;
  }
}

export interface Parsed {
  /** As JSON.parse reads it; for validation. */
  readonly value: unknown;
  /** The same with long numbers as `LongNumber`; for facts. */
  readonly exact: unknown;
}

const problems: Readonly<Record<Flaw, string>> = {
  depth: `is nested deeper than ${limits.eventDepth} levels. Flatten it.`,
  nul: "contains \\u0000, which PostgreSQL cannot store. Remove it.",
  surrogate: "contains half of a surrogate pair. Send the whole pair, or remove it.",
  control: "contains a raw control character. Escape it, as in \\n.",
  number_range: "contains a number that a double cannot represent. Send it as a string.",
  number_length: "contains a number of more than 128 characters. Send it as a string.",
  utf8: "is not valid UTF-8. Encode the text as UTF-8.",
};

/** JSON.parse of one element, after the limits that JSON.parse does not have. */
export function parseElement(body: Body, element: Element): Parsed | Rejection {
  const { start, end } = element;
  if (end - start > limits.eventBytes) {
    const size = `${end - start} bytes; an event may have at most ${limits.eventBytes}`;
    return reject("", `has ${size}. Send less data.`, { code: "too_large" });
  }
  if (element.flaw === undefined && element.members > limits.eventProperties) {
    const count = `${element.members} members including nested ones; at most ${limits.eventProperties} are allowed`;
    return reject("", `has ${count}. Send fewer.`);
  }
  return parseValue(body, element);
}

/** As parseElement, without the limits of an event's size. */
export function parseValue(body: Body, element: Element): Parsed | Rejection {
  const { bytes } = body;
  const { start, end } = element;
  if (element.flaw !== undefined) {
    return reject(pointerAt(bytes, start, element.flawAt), problems[element.flaw]);
  }
  if (!body.isUtf8 && !isUtf8(bytes.subarray(start, end))) {
    return reject(pointerAt(bytes, start, firstInvalid(bytes, start, end)), problems.utf8);
  }
  const text = body.text?.slice(start, end) ?? bytes.toString("utf8", start, end);
  try {
    const value: unknown = JSON.parse(text);
    const exact: unknown = element.longNumbers ? parseExactly(text, keepLong) : value;
    return { value, exact };
  } catch (error) {
    return reject("", `is not valid JSON: ${syntaxProblem(error)}. Fix it and send it again.`, {
      code: "malformed_json",
    });
  }
}

// V8 passes the source text of a number to the reviver since 11.4; TypeScript does not know it yet.
const parseExactly = JSON.parse as (
  text: string,
  reviver: (name: string, value: unknown, context: { readonly source?: string }) => unknown,
) => unknown;

function keepLong(_name: string, value: unknown, context: { readonly source?: string }): unknown {
  if (typeof value !== "number" || context.source === undefined) return value;
  return context.source.length > 15 ? new LongNumber(context.source) : value;
}

/** V8's message without the quoted input. */
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
  // the longest valid prefix, up to the bytes of one cut character
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

/** The exact decimal of a JSON number, or of a string that contains one. */
export function decimalIn(value: unknown): Decimal | undefined {
  if (typeof value === "number") return decimalOf(value);
  if (typeof value === "string") return parseDecimal(value);
  if (value instanceof LongNumber) return parseDecimal(value.source);
  return undefined;
}
