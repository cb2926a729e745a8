/**
 * Exact decimals: `units` / 10^`scale`. Money is never computed in doubles, where 0.1 x 3 is
 * 0.30000000000000004.
 */
export interface Decimal {
  /** A number while it is a safe integer, as nearly all are; bigints take five times as long. */
  readonly units: number | bigint;
  /** Digits after the decimal point, never negative. */
  readonly scale: number;
}

const form = /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d{1,4}))?$/;
const longestText = 128;
/** An integer with this many digits is always safe. */
const safeDigits = 15;
const powers = Array.from({ length: 64 }, (_, n) => 10n ** BigInt(n));
const power = (n: number) => powers[n] ?? 10n ** BigInt(n);

function unitsOf(digits: string): number | bigint {
  return digits.length <= safeDigits ? Number(digits) : BigInt(digits);
}

/** Reads `-?digits[.digits][e±n]`, nothing looser (no `+1`, no `.5`, no spaces); undefined otherwise. */
export function parseDecimal(text: string): Decimal | undefined {
  if (text.length > longestText) return undefined;
  const match = form.exec(text);
  if (match === null) return undefined;
  const fraction = match[3] ?? "";
  const magnitude = unitsOf((match[2] as string) + fraction);
  // 0 - 0 is 0, whereas -0 is a different zero
  const units =
    match[1] !== "-" ? magnitude : typeof magnitude === "number" ? 0 - magnitude : -magnitude;
  const scale = fraction.length - Number(match[4] ?? 0);
  if (scale >= 0) return { units, scale };
  return { units: BigInt(units) * power(-scale), scale: 0 };
}

/** Exact for a number written with at most 15 significant digits. */
export function decimalOf(value: number): Decimal | undefined {
  if (Number.isSafeInteger(value)) return { units: value + 0, scale: 0 };
  const text = String(value);
  const point = text.indexOf(".");
  const isPlain = point > 0 && text.length <= safeDigits && !text.includes("e");
  if (!isPlain) return parseDecimal(text);
  const units = Number(text.slice(0, point) + text.slice(point + 1));
  return { units, scale: text.length - point - 1 };
}

export function multiply(a: Decimal, b: Decimal): Decimal {
  const scale = a.scale + b.scale;
  if (typeof a.units === "number" && typeof b.units === "number") {
    const units = a.units * b.units;
    if (Number.isSafeInteger(units)) return { units, scale };
  }
  return { units: BigInt(a.units) * BigInt(b.units), scale };
}

export function add(a: Decimal, b: Decimal): Decimal {
  const scale = Math.max(a.scale, b.scale);
  const units = BigInt(a.units) * power(scale - a.scale) + BigInt(b.units) * power(scale - b.scale);
  return { units, scale };
}

/** Whether it has at most `digits` (16 or more) before and after the decimal point. */
export function fits(value: Decimal, digits: number): boolean {
  if (value.scale > digits) return false;
  if (typeof value.units === "number") return true;
  const magnitude = value.units < 0n ? -value.units : value.units;
  return magnitude < power(digits + value.scale);
}

/** Plain notation, as PostgreSQL and JSON read it. */
export function decimalText(value: Decimal): string {
  if (value.scale === 0) return value.units.toString();
  const text = value.units.toString();
  const sign = text.startsWith("-") ? "-" : "";
  const digits = text.slice(sign.length).padStart(value.scale + 1, "0");
  const point = digits.length - value.scale;
  return `${sign}${digits.slice(0, point)}.${digits.slice(point)}`;
}
