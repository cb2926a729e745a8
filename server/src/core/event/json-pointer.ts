/** The member that contains a byte, for messages to people. Only computed for rejected events. */

/** One reference token of RFC 6901. */
export function pointerToken(name: string): string {
  return `/${name.replaceAll("~", "~0").replaceAll("/", "~1")}`;
}

const longestToken = 64;

/**
 * The JSON Pointer of the member or item of `bytes[start, ...)` that contains the byte `at`. For a flaw
 * in the name of a member it is that of the object. Never fails on broken JSON: it returns the pointer
 * as far as it could follow.
 */
export function pointerAt(bytes: Buffer, start: number, at: number): string {
  const path: (string | number)[] = [];
  let name = "";
  let i = start;
  while (i < at) {
    const c = bytes[i];
    if (c === 0x22) {
      const end = stringEnd(bytes, i + 1);
      if (at < end) break;
      const after = skipSpace(bytes, end);
      if (bytes[after] === 0x3a) name = readName(bytes, i + 1, end - 1);
      i = end;
      if (bytes[after] === 0x3a && path.length > 0) {
        path[path.length - 1] = name;
        i = after + 1;
      }
      continue;
    }
    if (c === 0x7b) path.push("");
    else if (c === 0x5b) path.push(0);
    else if (c === 0x7d || c === 0x5d) path.pop();
    else if (c === 0x2c) {
      const last = path.at(-1);
      if (typeof last === "number") path[path.length - 1] = last + 1;
    }
    i++;
  }
  const tokens = path.filter((token) => token !== "").slice(0, 20);
  return tokens.map((token) => pointerToken(String(token))).join("");
}

function stringEnd(bytes: Buffer, from: number): number {
  let i = from;
  while (i < bytes.length && bytes[i] !== 0x22) i += bytes[i] === 0x5c ? 2 : 1;
  return i + 1;
}

function skipSpace(bytes: Buffer, from: number): number {
  let i = from;
  while (bytes[i] === 0x20 || bytes[i] === 0x0a || bytes[i] === 0x0d || bytes[i] === 0x09) i++;
  return i;
}

function readName(bytes: Buffer, from: number, to: number): string {
  return bytes.toString("utf8", from, Math.min(to, from + longestToken));
}
