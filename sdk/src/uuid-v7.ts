const hex = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, "0"));
const dashBefore = new Set([4, 6, 8, 10]);

/**
 * A UUIDv7 (RFC 9562): 48 bits of milliseconds, then random bits. Ids sort by millisecond, which keeps
 * the server's identity index in cache. `random`: 16 bytes, not modified.
 */
export function uuidV7(milliseconds: number, random: Uint8Array): string {
  let text = "";
  for (let index = 0; index < 16; index++) {
    let byte = random[index] ?? 0;
    if (index < 6) byte = Math.floor(milliseconds / 2 ** (8 * (5 - index))) % 256;
    else if (index === 6) byte = 0x70 | (byte & 0x0f);
    else if (index === 8) byte = 0x80 | (byte & 0x3f);
    if (dashBefore.has(index)) text += "-";
    text += hex[byte];
  }
  return text;
}
