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
  return scanMembers(bytes, { from, to, found }) ? found : undefined;
}

/** The first members of an object that may be cut off or broken after them. */
export function leadingMembers(bytes: Buffer): Member[] {
  const found: Member[] = [];
  scanMembers(bytes, { from: bodyStart(bytes), to: bytes.length, found });
  return found;
}

/** Adds members to `found` up to the first that is incomplete; whether the object is whole. */
function scanMembers(
  bytes: Buffer,
  { from, to, found }: { readonly from: number; readonly to: number; readonly found: Member[] },
): boolean {
  let i = skipSpace(bytes, from, to);
  if (bytes[i] !== 0x7b) return false;
  i = skipSpace(bytes, i + 1, to);
  if (bytes[i] === 0x7d) return true;
  for (;;) {
    const at = i;
    if (i >= to || bytes[i] !== 0x22) return false;
    i = scanString(bytes, i + 1, to);
    if (i < 0) return false;
    const name = bytes.toString("utf8", at + 1, i - 1);
    i = skipSpace(bytes, i, to);
    if (bytes[i] !== 0x3a) return false;
    const value = scanElement(bytes, skipSpace(bytes, i + 1, to), to);
    if (value === undefined) return false;
    found.push({ name, at, value });
    i = skipSpace(bytes, value.end, to);
    if (i >= to) return false;
    if (bytes[i] === 0x7d) return true;
    if (bytes[i] !== 0x2c) return false;
    i = skipSpace(bytes, i + 1, to);
  }
}
