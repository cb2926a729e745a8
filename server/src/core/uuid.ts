/** UUIDs as RFC 9562 writes them: lower case, canonical. */
import { hash } from "node:crypto";

const canonical = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/** Whether PostgreSQL prints it exactly as it is. */
export function isCanonicalUuid(text: string): boolean {
  return text.length === 36 && canonical.test(text);
}

const nibbles = new Uint8Array(128);
for (let n = 0; n < 16; n++) nibbles[n.toString(16).charCodeAt(0)] = n;

/** Writes the 16 bytes of a canonical UUID at `at`; returns the offset after them. */
export function writeUuid(bytes: Uint8Array, at: number, text: string): number {
  let end = at;
  for (let i = 0; i < 36; i += 2) {
    if (i === 8 || i === 13 || i === 18 || i === 23) i++;
    const high = nibbles[text.charCodeAt(i)] as number;
    bytes[end++] = (high << 4) | (nibbles[text.charCodeAt(i + 1)] as number);
  }
  return end;
}

function dashed(hex: string): string {
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20, 32)}`;
}

/** A version 8 UUID from the SHA-256 of any other identity. */
export function uuidOfText(text: string): string {
  const hex = hash("sha256", text, "hex");
  const variant = ((Number.parseInt(hex[16] as string, 16) & 3) | 8).toString(16);
  return dashed(`${hex.slice(0, 12)}8${hex.slice(13, 16)}${variant}${hex.slice(17, 32)}`);
}

/**
 * Creates a generator of version 7 UUIDs: 48 bits of milliseconds, the rest random. `fill` is
 * crypto.randomFillSync; random bytes are drawn in pools, as a call per id costs 1 µs.
 * The SDK has a version of its own for browsers: it must not depend on the server, nor core on the SDK.
 */
export function uuidV7Maker(fill: (bytes: Buffer) => Buffer): (now: number) => string {
  const pool = Buffer.alloc(10 * 256);
  let used = pool.length;
  return (now) => {
    if (used === pool.length) {
      fill(pool);
      used = 0;
    }
    const at = used;
    used += 10;
    pool[at] = ((pool[at] as number) & 0x0f) | 0x70;
    pool[at + 2] = ((pool[at + 2] as number) & 0x3f) | 0x80;
    return dashed(now.toString(16).padStart(12, "0") + pool.toString("hex", at, at + 10));
  };
}
