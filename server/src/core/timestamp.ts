/**
 * RFC 3339 timestamps with the microseconds that PostgreSQL stores. `Date` does not parse them: it
 * accepts 31 February and a missing offset, and has only milliseconds.
 */

const daysBefore = [0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334];
const monthDays = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
const longestFraction = 30;

function isLeap(year: number): boolean {
  return year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0);
}

/** Days since 1970-01-01, or NaN when the day does not exist. */
function dayNumber(year: number, month: number, day: number): number {
  const leap = isLeap(year);
  const length = month === 2 && leap ? 29 : monthDays[month - 1];
  if (length === undefined || day < 1 || day > length) return Number.NaN;
  const y = year - 1;
  const leapDays = Math.floor(y / 4) - Math.floor(y / 100) + Math.floor(y / 400) - 477;
  const past = (daysBefore[month - 1] as number) + (leap && month > 2 ? 1 : 0);
  return (year - 1970) * 365 + leapDays + past + day - 1;
}

/** Two digits at `at`, or NaN. */
function two(text: string, at: number): number {
  const tens = text.charCodeAt(at) - 0x30;
  const ones = text.charCodeAt(at + 1) - 0x30;
  return tens >= 0 && tens <= 9 && ones >= 0 && ones <= 9 ? tens * 10 + ones : Number.NaN;
}

/** Minutes east of UTC, from the end of the text starting at `at`; NaN if it is no offset. */
function offsetAt(text: string, at: number): number {
  const sign = text.charCodeAt(at);
  if (sign === 0x5a || sign === 0x7a) return text.length === at + 1 ? 0 : Number.NaN;
  if ((sign !== 0x2b && sign !== 0x2d) || text.length !== at + 6) return Number.NaN;
  if (text.charCodeAt(at + 3) !== 0x3a) return Number.NaN;
  const minutes = two(text, at + 1) * 60 + two(text, at + 4);
  return sign === 0x2d ? -minutes : minutes;
}

/**
 * Microseconds since 1970-01-01T00:00:00Z (a safe integer), or what is wrong. The fraction is cut at
 * microseconds, not rounded, so that an event never moves into the next window. A leap second is
 * accepted where one can be (23:59:60Z at the end of a month) and counts as the following second, as
 * in PostgreSQL.
 */
export function parseTimestamp(text: string): number | "form" | "calendar" {
  const year = two(text, 0) * 100 + two(text, 2);
  const month = two(text, 5);
  const day = two(text, 8);
  const hour = two(text, 11);
  const minute = two(text, 14);
  const second = two(text, 17);
  const separator = text.charCodeAt(10) | 0x20;
  const isForm =
    text.charCodeAt(4) === 0x2d &&
    text.charCodeAt(7) === 0x2d &&
    separator === 0x74 &&
    text.charCodeAt(13) === 0x3a &&
    text.charCodeAt(16) === 0x3a;
  if (!isForm || Number.isNaN(year + month + day + hour + minute + second)) return "form";

  let at = 19;
  let fraction = 0;
  if (text.charCodeAt(at) === 0x2e) {
    let unit = 100_000;
    const first = ++at;
    for (; at < text.length; at++) {
      const digit = text.charCodeAt(at) - 0x30;
      if (digit < 0 || digit > 9) break;
      if (unit >= 1) fraction += digit * unit;
      unit /= 10;
    }
    if (at === first || at - first > longestFraction) return "form";
  }
  const offset = offsetAt(text, at);
  if (Number.isNaN(offset)) return "form";

  const days = dayNumber(year, month, day);
  const isOffset = Math.abs(offset) < 24 * 60 && (at + 6 > text.length || two(text, at + 4) < 60);
  if (Number.isNaN(days) || hour > 23 || minute > 59 || second > 60 || !isOffset) return "calendar";
  const seconds = days * 86_400 + hour * 3_600 + minute * 60 + second - offset * 60;
  // `seconds` of a leap second is already that of the following second: the first of a month, UTC
  if (second === 60 && (seconds % 86_400 !== 0 || new Date(seconds * 1000).getUTCDate() !== 1)) {
    return "calendar";
  }
  return seconds * 1_000_000 + fraction;
}
