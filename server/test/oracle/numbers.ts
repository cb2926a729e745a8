/** The same numbers computed naively: by a loop over every event of the range. */
import type { Totals } from "@weir/protocol";
import { decimal, type OracleEvent } from "./history.ts";

export interface MsRange {
  readonly from: number;
  readonly to: number;
}

const actions: Readonly<Record<string, string>> = {
  "product.view": "view",
  view_item: "view",
  add_to_cart: "cart",
  purchase: "purchase",
  "Order Completed": "purchase",
  refund: "refund",
};

export function actionOf({ type }: OracleEvent): string {
  return actions[type] ?? "other";
}

export function within(events: readonly OracleEvent[], { from, to }: MsRange): OracleEvent[] {
  return events.filter(({ at }) => at >= from && at < to);
}

export interface OracleSession {
  readonly user: string;
  readonly start: number;
  readonly end: number;
  readonly events: OracleEvent[];
}

export function sessionsOf(events: readonly OracleEvent[]): OracleSession[] {
  const sessions: { user: string; start: number; end: number; events: OracleEvent[] }[] = [];
  for (const [user, own] of byUser(events)) {
    for (const event of own) {
      const last = sessions.at(-1);
      if (last?.user === user && event.at - last.end <= 30 * 60_000) {
        last.end = event.at;
        last.events.push(event);
      } else {
        sessions.push({ user, start: event.at, end: event.at, events: [event] });
      }
    }
  }
  return sessions;
}

/** Each user's events in time order. */
export function byUser(events: readonly OracleEvent[]): Map<string, OracleEvent[]> {
  const users = new Map<string, OracleEvent[]>();
  for (const event of [...events].sort((a, b) => a.at - b.at)) {
    if (event.user === null) continue;
    const own = users.get(event.user);
    if (own === undefined) users.set(event.user, [event]);
    else own.push(event);
  }
  return users;
}

export function totalsOf(
  events: readonly OracleEvent[],
  sessions: readonly OracleSession[],
  range: MsRange,
): Totals {
  const inside = within(events, range);
  const count = (action: string) => inside.filter((event) => actionOf(event) === action).length;
  const begun = sessions.filter(({ start }) => start >= range.from && start < range.to);
  const converted = begun.filter((session) =>
    session.events.some((event) => actionOf(event) === "purchase"),
  );
  return {
    events: inside.length,
    users: new Set(inside.flatMap(({ user }) => user ?? [])).size,
    sessions: begun.length,
    views: count("view"),
    carts: count("cart"),
    purchases: count("purchase"),
    revenue: moneyOf(inside, "purchase"),
    refunds: moneyOf(inside, "refund"),
    conversion: begun.length === 0 ? null : converted.length / begun.length,
  };
}

export function centsByCurrency(events: readonly OracleEvent[], action: string) {
  const sums = new Map<string, number>();
  for (const event of events) {
    if (actionOf(event) !== action || event.cents === null) continue;
    const currency = event.currency ?? "XXX";
    sums.set(currency, (sums.get(currency) ?? 0) + event.cents);
  }
  return sums;
}

/** Sorted by currency: the order by amount is compared separately. */
function moneyOf(events: readonly OracleEvent[], action: string): Totals["revenue"] {
  return [...centsByCurrency(events, action)]
    .map(([currency, cents]) => ({ currency, amount: decimal(cents) }))
    .sort((a, b) => (a.currency < b.currency ? -1 : 1));
}

/** Buckets of local time, found by converting every single minute. */
export function localBuckets(range: MsRange, zone: string, granularity: string): MsRange[] {
  const format = new Intl.DateTimeFormat("en-GB", {
    timeZone: zone,
    dateStyle: "short",
  });
  const hours = new Intl.DateTimeFormat("en-GB", {
    timeZone: zone,
    day: "numeric",
    hour: "numeric",
    hourCycle: "h23",
    timeZoneName: "longOffset",
  });
  const buckets: { from: number; to: number }[] = [];
  let before: string | undefined;
  for (let at = range.from; at < range.to; at += 60_000) {
    const key =
      granularity === "minute" ? String(at) : (granularity === "hour" ? hours : format).format(at);
    if (key !== before) buckets.push({ from: at, to: at });
    before = key;
    const last = buckets.at(-1);
    if (last !== undefined) last.to = at + 60_000;
  }
  return buckets;
}

/** Whether a user completed all steps up to each one, trying every possible chain. */
export function funnelOf(
  events: readonly OracleEvent[],
  steps: readonly ((event: OracleEvent) => boolean)[],
  withinMs: number,
): number[] {
  const reached = steps.map(() => 0);
  for (const own of byUser(events).values()) {
    const furthest = Math.max(
      0,
      ...own.map((first, index) =>
        steps[0]?.(first)
          ? 1 + chain(own, { steps, withinMs, step: 1, index, start: first.at })
          : 0,
      ),
    );
    for (let step = 0; step < furthest; step++) reached[step] = (reached[step] ?? 0) + 1;
  }
  return reached;
}

function chain(
  own: readonly OracleEvent[],
  at: {
    steps: readonly ((event: OracleEvent) => boolean)[];
    withinMs: number;
    step: number;
    index: number;
    start: number;
  },
): number {
  const { steps, withinMs, step, index, start } = at;
  if (step === steps.length) return 0;
  // An event of the same instant may be the next step, also one that comes earlier in the list.
  const from = own[index]?.at ?? 0;
  let furthest = 0;
  for (const [next, event] of own.entries()) {
    if (next === index || event.at < from || event.at - start > withinMs) continue;
    if (!steps[step]?.(event)) continue;
    furthest = Math.max(furthest, 1 + chain(own, { ...at, step: step + 1, index: next }));
    if (furthest === steps.length - step) break;
  }
  return furthest;
}
