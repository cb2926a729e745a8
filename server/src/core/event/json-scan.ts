/**
 * One pass over the bytes of a body, without building values: where each element starts and ends, and
 * whether it contains something that JSON.parse or PostgreSQL would silently change or fail on.
 *
 * Splitting before parsing isolates a bad element: its neighbours are never in the same JSON.parse. Brackets and quotes are ASCII, and no byte of a longer UTF-8 sequence is, so
 * the structure is found in bytes even where an element's text is not valid UTF-8.
 */
import { limits } from "@weir/protocol";

export type Flaw =
  | "depth"
  | "nul"
  | "surrogate"
  | "control"
  | "number_range"
  | "number_length"
  | "utf8";

/** One element of a body: `bytes[start, end)`, and what the scan found in it. */
export interface Element {
  readonly start: number;
  readonly end: number;
  /** Number of members of all objects in it, nested ones included. */
  readonly members: number;
  /** Whether it has a number with too many digits for a double: read it from the source text. */
  readonly longNumbers: boolean;
  /** The first flaw, and its offset in the body. */
  readonly flaw: Flaw | undefined;
  readonly flawAt: number;
}

/** Why a body cannot be split at all. `at` is the byte offset. */
export interface Malformed {
  readonly malformed: string;
  readonly at: number;
}

/** Every decimal with at most 15 significant digits survives conversion to a double and back. */
const exactDigits = 15;
const longestNumber = 128;

const quote = 0x22;
const backslash = 0x5c;

const other = 0;
const string = 1;
const open = 2;
const close = 3;
const colon = 4;
const digit = 5;
const control = 6;
const kinds = new Uint8Array(256);
kinds[quote] = string;
kinds[0x7b] = open;
kinds[0x5b] = open;
kinds[0x7d] = close;
kinds[0x5d] = close;
kinds[0x3a] = colon;
kinds[0x2d] = digit;
kinds.fill(digit, 0x30, 0x3a);
kinds.fill(control, 0, 0x20);
for (const space of [0x20, 0x09, 0x0a, 0x0d]) kinds[space] = other;

/** Bytes that may continue a number: 1 digit, 2 point or sign, 3 exponent. */
const numeric = new Uint8Array(256);
numeric.fill(1, 0x30, 0x3a);
for (const sign of [0x2b, 0x2d, 0x2e]) numeric[sign] = 2;
numeric[0x65] = 3;
numeric[0x45] = 3;

/** Bytes in a string that need no further check. */
const plain = new Uint8Array(256).fill(1, 0x20);
plain[quote] = 0;
plain[backslash] = 0;

// Result of the scan of one element. Module state, not an object: the scan is synchronous, and
// writing six fields of a fresh object per string made it 15 % slower.
let members = 0;
let longNumbers = false;
let flaw: Flaw | undefined;
let flawAt = 0;
/** Opening brackets not yet closed; grows with hostile bodies only. */
let brackets = new Uint8Array(256);

function note(found: Flaw, at: number): void {
  if (flaw !== undefined) return;
  flaw = found;
  flawAt = at;
}

/** Four hexadecimal digits at `at`, or -1. */
function hexAt(bytes: Uint8Array, at: number, end: number): number {
  if (at + 4 > end) return -1;
  let value = 0;
  for (let i = at; i < at + 4; i++) {
    const c = bytes[i] as number;
    let nibble = -1;
    if (c >= 0x30 && c <= 0x39) nibble = c - 0x30;
    else if ((c | 0x20) >= 0x61 && (c | 0x20) <= 0x66) nibble = (c | 0x20) - 0x57;
    if (nibble < 0) return -1;
    value = value * 16 + nibble;
  }
  return value;
}

/** `at` is the backslash; returns the offset after the escape (after both halves of a pair). */
function scanEscape(bytes: Uint8Array, at: number, end: number): number {
  if (bytes[at + 1] !== 0x75) return at + 2;
  const unit = hexAt(bytes, at + 2, end);
  if (unit === 0) note("nul", at);
  if (unit < 0xd800 || unit > 0xdfff) return at + (unit < 0 ? 2 : 6);
  const isPair = bytes[at + 6] === backslash && bytes[at + 7] === 0x75;
  const low = unit < 0xdc00 && isPair ? hexAt(bytes, at + 8, end) : -1;
  if (low >= 0xdc00 && low <= 0xdfff) return at + 12;
  note("surrogate", at);
  return at + 6;
}

/** `at` is after the opening quote; returns the offset after the closing one, or -1. */
export function scanString(bytes: Uint8Array, at: number, end: number): number {
  let i = at;
  for (;;) {
    while (i < end && plain[bytes[i] as number] === 1) i++;
    if (i >= end) return -1;
    const c = bytes[i];
    if (c === quote) return i + 1;
    if (c === backslash) {
      i = scanEscape(bytes, i, end);
    } else {
      note("control", i);
      i++;
    }
  }
}

/** `at` is the first byte of the number; returns the offset after it. */
function scanNumber(bytes: Uint8Array, at: number, end: number): number {
  let i = at + 1;
  let digits = bytes[at] === 0x2d ? 0 : 1;
  let hasExponent = false;
  for (; i < end; i++) {
    const kind = numeric[bytes[i] as number];
    if (kind === 1) digits++;
    else if (kind === 3) hasExponent = true;
    else if (kind !== 2) break;
  }
  if (digits > exactDigits) longNumbers = true;
  if (hasExponent || digits > exactDigits) checkRange(bytes, at, i);
  return i;
}

function checkRange(bytes: Uint8Array, at: number, end: number): void {
  if (end - at > longestNumber) {
    note("number_length", at);
    return;
  }
  const token = String.fromCharCode(...bytes.subarray(at, end));
  const value = Number(token);
  const vanished = value === 0 && /^-?[0.]*[1-9]/.test(token);
  if (vanished || Math.abs(value) === Number.POSITIVE_INFINITY) note("number_range", at);
}

/** The offset after the value that starts at `at`, or -1 if its brackets or quotes do not close. */
function scanValue(bytes: Uint8Array, at: number, end: number): number {
  members = 0;
  longNumbers = false;
  flaw = undefined;
  flawAt = 0;
  let depth = 0;
  let i = at;
  while (i < end) {
    const c = bytes[i] as number;
    switch (kinds[c]) {
      case string:
        i = scanString(bytes, i + 1, end);
        if (i < 0) return -1;
        break;
      case digit:
        i = scanNumber(bytes, i, end);
        break;
      case open:
        if (depth === brackets.length) {
          const wider = new Uint8Array(depth * 2);
          wider.set(brackets);
          brackets = wider;
        }
        brackets[depth++] = c;
        if (depth === limits.eventDepth + 1) note("depth", i);
        i++;
        break;
      case close:
        // `{` and `}`, `[` and `]` are two apart
        if (depth === 0 || brackets[--depth] !== c - 2) return -1;
        i++;
        break;
      case colon:
        members++;
        i++;
        break;
      case control:
        note("control", i);
        i++;
        break;
      default:
        // a literal such as `true`, a comma or white space
        if (depth === 0) return scanWord(bytes, i, end);
        i++;
        continue;
    }
    if (depth === 0) return i;
  }
  return -1;
}

/** A bare word up to the next separator; JSON.parse decides whether it is a JSON literal. */
function scanWord(bytes: Uint8Array, at: number, end: number): number {
  let i = at;
  while (i < end) {
    const c = bytes[i] as number;
    if (c === 0x2c || kinds[c] !== other || isSpace(c)) break;
    i++;
  }
  return i === at ? -1 : i;
}

function isSpace(c: number | undefined): boolean {
  return c === 0x20 || c === 0x0a || c === 0x0d || c === 0x09;
}

export function skipSpace(bytes: Uint8Array, at: number, end: number): number {
  let i = at;
  while (i < end && isSpace(bytes[i])) i++;
  return i;
}

/** The offset after a byte order mark, which RFC 8259 allows to ignore. */
export function bodyStart(bytes: Uint8Array): number {
  return bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf ? 3 : 0;
}

function element(start: number, end: number): Element {
  return { start, end, members, longNumbers, flaw, flawAt };
}

/** The value that starts at `start`; undefined if its brackets or quotes do not close before `end`. */
export function scanElement(bytes: Uint8Array, start: number, end: number): Element | undefined {
  const behind = start < end ? scanValue(bytes, start, end) : -1;
  return behind < 0 ? undefined : element(start, behind);
}

/** The only value in a range, without surrounding white space. */
export function scanSingle(
  bytes: Uint8Array,
  from: number = bodyStart(bytes),
  to: number = bytes.length,
): Element | Malformed {
  const start = skipSpace(bytes, from, to);
  if (start === to) return { malformed: "the body is empty", at: start };
  const end = scanValue(bytes, start, to);
  if (end < 0) return { malformed: "a bracket or a string does not close", at: start };
  const found = element(start, end);
  const rest = skipSpace(bytes, end, to);
  if (rest < to) return { malformed: "unexpected text follows the first value", at: rest };
  return found;
}

/**
 * The elements of a JSON array, at most `most` + 1 of them, so that the caller sees that there are too
 * many. Flaws inside an element are noted with the element; only the brackets, quotes and commas of the
 * array decide whether the body as a whole is malformed.
 */
export function splitArray(
  bytes: Uint8Array,
  most: number,
  range: { readonly start: number; readonly end: number } = {
    start: bodyStart(bytes),
    end: bytes.length,
  },
): Element[] | Malformed {
  const to = range.end;
  const elements: Element[] = [];
  let i = skipSpace(bytes, range.start, to);
  if (bytes[i] !== 0x5b || i >= to) return { malformed: "an array was expected", at: i };
  i = skipSpace(bytes, i + 1, to);
  if (bytes[i] === 0x5d && i < to) i++;
  else {
    for (;;) {
      const start = i;
      i = start < to ? scanValue(bytes, start, to) : -1;
      if (i < 0) return { malformed: "a bracket, a string or the array does not close", at: start };
      elements.push(element(start, i));
      if (elements.length > most) return elements;
      i = skipSpace(bytes, i, to);
      const c = i < to ? bytes[i] : undefined;
      if (c === 0x5d) break;
      if (c !== 0x2c) return { malformed: "a comma or the array's end was expected", at: i };
      i = skipSpace(bytes, i + 1, to);
    }
    i = skipSpace(bytes, i + 1, to);
  }
  i = skipSpace(bytes, i, to);
  if (i < to) return { malformed: "unexpected text follows the array", at: i };
  return elements;
}

/** One element per line (NDJSON), without empty lines. A broken line affects only itself. */
export function splitLines(bytes: Buffer, most: number): Element[] {
  const elements: Element[] = [];
  let i = bodyStart(bytes);
  while (i < bytes.length && elements.length <= most) {
    const feed = bytes.indexOf(0x0a, i);
    const end = feed < 0 ? bytes.length : feed;
    const start = skipSpace(bytes, i, end);
    if (start < end) {
      const found = scanSingle(bytes, start, end);
      // JSON.parse of the line reports what is broken
      elements.push(
        "malformed" in found
          ? { start, end, members: 0, longNumbers: false, flaw: undefined, flawAt: 0 }
          : found,
      );
    }
    i = end + 1;
  }
  return elements;
}
