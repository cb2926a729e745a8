import { makeId, makeRandom } from "../../../../testing/random.ts";
import type { Action, LedgerEvent } from "./window-oracle.ts";

const types: readonly (readonly [string, Action])[] = [
  ["product.view", "view"],
  ["product.view", "view"],
  ["Product Viewed", "view"],
  ["add_to_cart", "cart"],
  ["purchase", "purchase"],
  ["Order Refunded", "refund"],
  ["page.opened", "other"],
];
const minuteMs = 60_000;
const dayMs = 1_440 * minuteMs;

/** Few users and a grid of ten minutes, so that gaps of exactly 30 minutes and equal times are common. */
export function makeLedger(seed: number, events: number): LedgerEvent[] {
  const random = makeRandom(seed);
  const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)] as T;
  const today = Math.floor(Date.now() / dayMs) * dayMs;
  return Array.from({ length: events }, () => {
    const [type, action] = pick(types);
    const era = random();
    const base =
      era < 0.94
        ? today - 4 * dayMs
        : era < 0.97
          ? 0
          : era < 0.985
            ? -3 * dayMs
            : today - 400 * dayMs;
    const span = era < 0.94 ? 4 * dayMs : 2 * dayMs;
    const grid = Math.floor((random() * span) / (10 * minuteMs)) * 10 * minuteMs;
    const hasItems = random() < 0.1;
    const amount =
      random() < 0.7 ? Math.floor(random() * 100_000) - (action === "refund" ? 50_000 : 0) : null;
    const product = `p${Math.floor(random() * 30)}`;
    return {
      id: makeId(random),
      service: 1 + Math.floor(random() * 3),
      type,
      action,
      at: base + grid + pick([0, 0, 0, 1, -1, 59_999]),
      user: random() < 0.1 ? null : `u${Math.floor(random() ** 2 * 12)}`,
      product: hasItems || random() < 0.1 ? null : product,
      amount,
      currency: amount === null ? null : pick(["TRY", "EUR", null]),
      items: hasItems
        ? Array.from({ length: 2 + Math.floor(random() * 3) }, () => ({
            id: `p${Math.floor(random() * 5)}`,
            amount: random() < 0.8 ? Math.floor(random() * 1_000) : null,
          }))
        : null,
    };
  });
}
