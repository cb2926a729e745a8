import { parseTimestamp } from "./timestamp.ts";

const earliest = Date.UTC(1970, 0, 1);
const latest = Date.UTC(9999, 11, 31);

/** How a text that `instantOf` refuses should look, for messages. */
export const instantForm =
  "must be RFC 3339 with an offset, between the years 1970 and 9999: 2027-01-31T12:00:00Z";

/**
 * The instant of an RFC 3339 text, in whole milliseconds (rounded up); undefined for everything else. `Date` would accept
 * the 31st of February and read a text without an offset in the server's time zone, and it knows years
 * that PostgreSQL does not read.
 */
export function instantOf(text: string): Date | undefined {
  // RFC 3339, 5.6 allows a space in place of the T
  const micros = parseTimestamp(text[10] === " " ? text.replace(" ", "T") : text);
  if (typeof micros !== "number") return undefined;
  const ms = Math.ceil(micros / 1000);
  return ms >= earliest && ms <= latest ? new Date(ms) : undefined;
}
