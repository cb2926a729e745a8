/** Sums of decimals, exact: a price is never a double. */

interface Decimal {
  readonly digits: bigint;
  readonly scale: number;
}

function parse(text: string): Decimal {
  const parts = /^(-?\d+)(?:\.(\d+))?$/.exec(text);
  if (parts === null) throw new Error(`not a decimal: ${text}`);
  const [, whole = "0", fraction = ""] = parts;
  return { digits: BigInt(whole + fraction), scale: fraction.length };
}

/** The sum of price x quantity, with the most digits of any price. */
export function sumOf(
  lines: readonly { readonly price: string; readonly quantity: number }[],
): string {
  const decimals = lines.map(({ price, quantity }) => ({ ...parse(price), quantity }));
  const scale = Math.max(2, ...decimals.map((line) => line.scale));
  const total = decimals.reduce(
    (sum, line) => sum + line.digits * 10n ** BigInt(scale - line.scale) * BigInt(line.quantity),
    0n,
  );
  const text = String(total).padStart(scale + 1, "0");
  return `${text.slice(0, -scale)}.${text.slice(-scale)}`;
}
