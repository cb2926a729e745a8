/**
 * The commerce facts of an event: product, amount and currency. They are extracted once, here, so that
 * no reader of the raw log parses JSON again.
 */
import { limits } from "@weir/protocol";
import { add, type Decimal, decimalText, fits, multiply } from "../decimal.ts";
import { decimalIn } from "./element.ts";

export type Members = Readonly<Record<string, unknown>>;

export interface CommerceFacts {
  readonly productKey: string | null;
  readonly amount: Decimal | null;
  readonly currency: string | null;
  readonly items: string | null;
}

/** Where a format has its facts. */
export interface CommerceSource {
  /** The product that the event is about, if there is one. */
  readonly product: Members | undefined;
  /** Several products (`properties.products`); only used if `product` names none. */
  readonly lines: unknown;
  /** Candidates for the revenue: the first that is a decimal counts. */
  readonly revenue: readonly unknown[];
  readonly currency: unknown;
}

/** Maximum digits of an amount before and after the decimal point. */
const amountDigits = 30;
const one: Decimal = { units: 1, scale: 0 };
const none: CommerceFacts = { productKey: null, amount: null, currency: null, items: null };

export function isObject(value: unknown): value is Members {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** An id as text, as some shops send numbers. Undefined if it cannot be a key. */
function keyIn(value: unknown): string | undefined {
  if (typeof value === "string") {
    return value.length > 0 && value.length <= limits.keyLength ? value : undefined;
  }
  return Number.isSafeInteger(value) ? String(value) : undefined;
}

/** The user an event is counted for: user_id, else `anonymous:<anonymous_id>`, else null. */
export function userKey(userId: unknown, anonymousId: unknown): string | null {
  const user = keyIn(userId);
  if (user !== undefined) return user;
  const anonymous = keyIn(anonymousId);
  return anonymous === undefined ? null : `anonymous:${anonymous}`;
}

function currencyIn(value: unknown): string | undefined {
  return typeof value === "string" && /^[A-Za-z]{3}$/.test(value) ? value.toUpperCase() : undefined;
}

interface Line {
  readonly key: string | undefined;
  readonly quantity: Decimal;
  readonly amount: Decimal | undefined;
}

function lineOf(product: Members): Line {
  const quantity = decimalIn(product["quantity"]) ?? one;
  const price = decimalIn(product["price"]);
  return {
    key: keyIn(product["id"] ?? product["product_id"] ?? product["sku"]),
    quantity,
    amount: price === undefined ? undefined : multiply(price, quantity),
  };
}

function itemText(line: Line): string {
  const amount = line.amount === undefined ? "null" : decimalText(line.amount);
  return `{"id":${JSON.stringify(line.key)},"quantity":${decimalText(line.quantity)},"amount":${amount}}`;
}

/**
 * The revenue if sent, else price x quantity (default 1), summed over the lines of an event with
 * several products. Undefined if an amount has too many digits.
 */
export function commerceFacts(source: CommerceSource): CommerceFacts | undefined {
  const hasLines = Array.isArray(source.lines) && source.lines.length > 0;
  if (source.product === undefined && !hasLines && source.revenue.every((v) => v === undefined)) {
    return none;
  }
  const product = source.product === undefined ? undefined : lineOf(source.product);
  const lines =
    product?.key === undefined && hasLines
      ? (source.lines as unknown[]).filter(isObject).map(lineOf)
      : [];
  let amount = product?.amount;
  if (lines.length > 0) {
    amount = lines.reduce<Decimal | undefined>(
      (sum, line) => (line.amount === undefined ? sum : sum ? add(sum, line.amount) : line.amount),
      undefined,
    );
  }
  const revenue = source.revenue.map(decimalIn).find((value) => value !== undefined);
  amount = revenue ?? amount;
  const all = [amount, ...lines.flatMap((line) => [line.amount, line.quantity])];
  if (all.some((value) => value !== undefined && !fits(value, amountDigits))) return undefined;

  const keyed = lines.filter((line) => line.key !== undefined);
  const currency =
    currencyIn(source.currency) ??
    currencyIn(source.product?.["currency"]) ??
    currencyIn(hasLines ? (source.lines as Members[])[0]?.["currency"] : undefined);
  return {
    productKey: product?.key ?? (keyed.length === 1 ? keyed[0]?.key : undefined) ?? null,
    amount: amount ?? null,
    currency: amount === undefined ? null : (currency ?? null),
    items: keyed.length > 1 ? `[${keyed.map(itemText).join(",")}]` : null,
  };
}

export const amountProblem = `contains an amount with more than ${amountDigits} digits before or after the decimal point. Send what was paid.`;
