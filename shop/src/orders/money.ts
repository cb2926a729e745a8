/** Exact decimal money: integer units of 10^-scale. Doubles would make 0.1 x 3 into 0.30000000000000004. */
interface Amount {
  readonly units: bigint;
  readonly scale: number;
}

export interface PricedLine {
  readonly price: string;
  readonly quantity: number;
}

const form = /^(\d{1,15})(?:\.(\d{1,4}))?$/;

/** Whether the text is an amount: digits, and up to four after a point. */
export function isAmount(text: string): boolean {
  return form.test(text);
}

/**
 * The sum of price x quantity, as a decimal with at least two digits after the point.
 * Throws a RangeError for a price that is not an amount.
 */
export function totalOf(lines: readonly PricedLine[]): string {
  return textOf(
    lines.reduce<Amount>((sum, { price, quantity }) => add(sum, times(amountOf(price), quantity)), {
      units: 0n,
      scale: 2,
    }),
  );
}

function amountOf(text: string): Amount {
  const match = form.exec(text);
  if (match === null) throw new RangeError(`${JSON.stringify(text)} is not an amount.`);
  const [, whole = "", fraction = ""] = match;
  return { units: BigInt(whole + fraction), scale: fraction.length };
}

function times({ units, scale }: Amount, quantity: number): Amount {
  return { units: units * BigInt(quantity), scale };
}

function add(a: Amount, b: Amount): Amount {
  const scale = Math.max(a.scale, b.scale);
  return { units: scaled(a, scale) + scaled(b, scale), scale };
}

function scaled({ units, scale }: Amount, target: number): bigint {
  return units * 10n ** BigInt(target - scale);
}

function textOf({ units, scale }: Amount): string {
  const digits = units.toString().padStart(scale + 1, "0");
  const point = digits.length - scale;
  return scale === 0 ? digits : `${digits.slice(0, point)}.${digits.slice(point)}`;
}
