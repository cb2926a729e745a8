/** The members of an object as byte ranges, for envelopes that are read member by member. */
import { bodyStart, type Element, scanElement, scanString, skipSpace } from "./json-scan.ts";

/** A member of an object, by its position in the body. */
export interface Member {
  readonly name: string;
  /** Offset of the opening quote of the name. */
  readonly at: number;
  readonly value: Element;
}

/** The members of the object that starts at `from`, in their order; undefined if it is no object. */
export function objectMembers(
  bytes: Buffer,
  from: number = bodyStart(bytes),
  to: number = bytes.length,
): Member[] | undefined {
  const found: Member[] = [];
  let i = skipSpace(bytes, from, to);
  if (bytes[i] !== 0x7b) return undefined;
  i = skipSpace(bytes, i + 1, to);
  if (bytes[i] === 0x7d) return found;
  for (;;) {
    const at = i;
    if (i >= to || bytes[i] !== 0x22) return undefined;
    i = scanString(bytes, i + 1, to);
    if (i < 0) return undefined;
    const name = bytes.toString("utf8", at + 1, i - 1);
    i = skipSpace(bytes, i, to);
    if (bytes[i] !== 0x3a) return undefined;
    const value = scanElement(bytes, skipSpace(bytes, i + 1, to), to);
    if (value === undefined) return undefined;
    found.push({ name, at, value });
    i = skipSpace(bytes, value.end, to);
    if (i >= to) return undefined;
    if (bytes[i] === 0x7d) return found;
    if (bytes[i] !== 0x2c) return undefined;
    i = skipSpace(bytes, i + 1, to);
  }
}
