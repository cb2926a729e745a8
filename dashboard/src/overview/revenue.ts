import type { Money, Totals } from "@weir/protocol";

/** The amount in one currency, as an exact decimal. */
export function amountOf(amounts: readonly Money[], currency: string): string {
  return amounts.find((money) => money.currency === currency)?.amount ?? "0";
}

/** The currency to show: the selected one, or else the one with the largest amount. */
export function mainCurrency(
  selected: string | null,
  current: Totals | undefined,
  previous: Totals | undefined,
): string | null {
  if (selected !== null) return selected;
  const amounts = current?.revenue.length ? current.revenue : (previous?.revenue ?? []);
  let main: Money | undefined;
  for (const money of amounts) {
    if (main === undefined || Number(money.amount) > Number(main.amount)) main = money;
  }
  return main?.currency ?? null;
}
