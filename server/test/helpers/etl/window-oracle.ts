/**
 * What the analytics must say about a ledger of events, computed the slow and obvious way, and what
 * they do say, with names instead of ids. Both are lists of lines, so that a difference can be read.
 */
import type { Queryable } from "../../../src/core/ports/database.ts";

export type Action = "view" | "cart" | "purchase" | "refund" | "other";

export interface LedgerEvent {
  readonly id: string;
  readonly service: number;
  readonly type: string;
  readonly action: Action;
  /** Milliseconds since 1970. */
  readonly at: number;
  readonly user: string | null;
  readonly product: string | null;
  /** Cents, so that sums are exact. */
  readonly amount: number | null;
  readonly currency: string | null;
  readonly items: readonly { readonly id: string; readonly amount: number | null }[] | null;
}

const minuteMs = 60_000;
const gapMs = 30 * minuteMs;
const sizes = { 1: minuteMs, 2: 60 * minuteMs, 3: 1440 * minuteMs } as const;
const codes: Readonly<Record<Action, number>> = {
  other: 0,
  view: 1,
  cart: 2,
  purchase: 3,
  refund: 4,
};

export function expectedLines(ledger: readonly LedgerEvent[]): string[] {
  return [
    ...countLines(ledger),
    ...totalLines(ledger),
    ...revenueLines(ledger),
    ...productLines(ledger),
    ...sessionLines(ledger),
    ...presenceLines(ledger),
    ...keyFactLines(ledger),
    ...factLines(ledger),
  ].sort();
}

function bucketsOf(at: number): readonly (readonly [number, number])[] {
  return ([1, 2, 3] as const).map((size) => [size, Math.floor(at / sizes[size])] as const);
}

class Sums {
  readonly #sums = new Map<string, number[]>();
  add(key: string, values: readonly number[]): void {
    const sums = this.#sums.get(key) ?? values.map(() => 0);
    this.#sums.set(
      key,
      sums.map((sum, place) => sum + (values[place] ?? 0)),
    );
  }
  lines(table: string): string[] {
    return [...this.#sums].map(([key, sums]) => `${table} ${key} = ${sums.join(" ")}`);
  }
}

function countLines(ledger: readonly LedgerEvent[]): string[] {
  const sums = new Sums();
  for (const event of ledger) {
    for (const [size, bucket] of bucketsOf(event.at)) {
      sums.add(`${size} ${bucket} ${event.type} ${event.service}`, [1]);
    }
  }
  return sums.lines("count");
}

interface Session {
  readonly user: string;
  readonly start: number;
  end: number;
  events: number;
  purchases: number;
}

function sessionsOf(ledger: readonly LedgerEvent[]): Session[] {
  const sessions: Session[] = [];
  const ordered = ledger.filter(({ user }) => user !== null).sort((a, b) => a.at - b.at);
  const open = new Map<string, Session>();
  for (const { user, at, action } of ordered) {
    const name = user ?? "";
    let session = open.get(name);
    if (session === undefined || at - session.end > gapMs) {
      session = { user: name, start: at, end: at, events: 0, purchases: 0 };
      open.set(name, session);
      sessions.push(session);
    }
    session.end = at;
    session.events += 1;
    session.purchases += action === "purchase" ? 1 : 0;
  }
  return sessions;
}

function totalLines(ledger: readonly LedgerEvent[]): string[] {
  const sums = new Sums();
  const seen = new Set<string>();
  for (const event of ledger) {
    for (const [size, bucket] of bucketsOf(event.at)) {
      const presence = `${size} ${bucket} ${event.user}`;
      const isNew = event.user !== null && !seen.has(presence);
      seen.add(presence);
      sums.add(`${size} ${bucket}`, [1, isNew ? 1 : 0, 0, 0]);
    }
  }
  for (const { start, purchases } of sessionsOf(ledger)) {
    for (const [size, bucket] of bucketsOf(start)) {
      sums.add(`${size} ${bucket}`, [0, 0, 1, purchases > 0 ? 1 : 0]);
    }
  }
  return sums.lines("total");
}

function revenueLines(ledger: readonly LedgerEvent[]): string[] {
  const sums = new Sums();
  for (const { at, action, amount, currency, service } of ledger) {
    if (amount === null || (action !== "purchase" && action !== "refund")) continue;
    const values = action === "purchase" ? [amount, 1, 0, 0] : [0, 0, Math.abs(amount), 1];
    for (const [size, bucket] of bucketsOf(at)) {
      sums.add(`${size} ${bucket} ${service} ${currency ?? "XXX"}`, values);
    }
  }
  return sums.lines("revenue");
}

function productLines(ledger: readonly LedgerEvent[]): string[] {
  const counts = new Sums();
  const revenue = new Sums();
  for (const event of ledger) {
    const { action } = event;
    if (action !== "view" && action !== "cart" && action !== "purchase") continue;
    const products = new Map<string, number | null>();
    if (event.items === null) {
      if (event.product !== null) products.set(event.product, event.amount);
    } else {
      for (const { id, amount } of event.items) {
        const before = products.get(id) ?? null;
        products.set(id, amount === null ? before : (before ?? 0) + amount);
      }
    }
    for (const [product, amount] of products) {
      for (const [size, bucket] of bucketsOf(event.at).slice(1)) {
        counts.add(
          `${size} ${bucket} ${product}`,
          (["view", "cart", "purchase"] as const).map((one) => (one === action ? 1 : 0)),
        );
        if (action === "purchase" && amount !== null && event.amount !== null) {
          revenue.add(`${size} ${bucket} ${product} ${event.currency ?? "XXX"}`, [amount]);
        }
      }
    }
  }
  return [...counts.lines("product"), ...revenue.lines("product-revenue")];
}

function sessionLines(ledger: readonly LedgerEvent[]): string[] {
  return sessionsOf(ledger).map(
    ({ user, start, end, events, purchases }) =>
      `session ${user} ${start} = ${end} ${events} ${purchases}`,
  );
}

function presenceLines(ledger: readonly LedgerEvent[]): string[] {
  const lines = new Set<string>();
  for (const { user, at, action } of ledger) {
    if (user === null) continue;
    lines.add(`minute ${user} ${Math.floor(at / minuteMs)}`);
    lines.add(`day ${user} ${Math.floor(at / sizes[3])}`);
    if (action === "view") {
      lines.add(`view-hour ${user} ${Math.floor(at / sizes[2])}`);
      lines.add(`view-day ${user} ${Math.floor(at / sizes[3])}`);
    }
  }
  return [...lines];
}

function keyFactLines(ledger: readonly LedgerEvent[]): string[] {
  const lines = new Set<string>();
  for (const { user, at, action } of ledger) {
    if (user === null || (action !== "cart" && action !== "purchase")) continue;
    const last = (of: typeof action | "view", until: number) =>
      Math.max(
        ...ledger
          .filter((one) => one.user === user && one.action === of && one.at <= until)
          .map((one) => one.at),
      );
    const view = last("view", action === "cart" ? at : last("cart", at));
    lines.add(`key ${user} ${at} ${codes[action]} = ${Number.isFinite(view) ? view : ""}`);
  }
  return [...lines];
}

function factLines(ledger: readonly LedgerEvent[]): string[] {
  return ledger.map(
    ({ at, user, product, type, service, action, amount, currency }) =>
      `fact ${at} ${user ?? ""} ${product ?? ""} ${type} ${service} ${codes[action]} ${amount === null ? "" : (currency ?? "XXX")} ${amount ?? ""}`,
  );
}

const ms = (column: string): string => `(extract(epoch from ${column}) * 1000)::bigint`;
const cents = (column: string): string => `trim_scale(${column} * 100)`;

/** The same lines out of the tables. */
export async function storedLines(database: Queryable): Promise<string[]> {
  const rows = await database.query<{ line: string }>({
    text: `
      select 'count ' || size || ' ' || bucket || ' ' || t.name || ' ' || service_id || ' = ' || events as line
      from analytics.window_counts w join analytics.event_types t on t.id = w.event_type
      union all
      select 'total ' || size || ' ' || bucket || ' = ' || events || ' ' || users || ' ' || sessions || ' ' || converted_sessions
      from analytics.window_totals
      union all
      select 'revenue ' || size || ' ' || bucket || ' ' || service_id || ' ' || c.code || ' = ' || ${cents("revenue")} || ' '
        || orders || ' ' || ${cents("refunds")} || ' ' || refund_count
      from analytics.window_revenue join analytics.currencies c on c.id = currency
      union all
      select 'product ' || size || ' ' || bucket || ' ' || p.key || ' = ' || views || ' ' || carts || ' ' || purchases
      from analytics.product_windows join analytics.products p on p.id = product_id
      union all
      select 'product-revenue ' || size || ' ' || bucket || ' ' || p.key || ' ' || c.code || ' = ' || ${cents("revenue")}
      from analytics.product_revenue join analytics.products p on p.id = product_id join analytics.currencies c on c.id = currency
      union all
      select 'session ' || u.key || ' ' || ${ms("started_at")} || ' = ' || ${ms("ended_at")} || ' ' || events || ' ' || purchases
      from analytics.sessions join analytics.users u on u.id = user_id
      union all
      select 'minute ' || u.key || ' ' || hour * 60 + m from analytics.user_hours join analytics.users u on u.id = user_id
      cross join generate_series(0, 59) m where (minutes >> m) & 1 = 1
      union all
      select 'view-hour ' || u.key || ' ' || hour from analytics.user_hours join analytics.users u on u.id = user_id
      where (minutes >> 60) & 1 = 1
      union all
      select kind || ' ' || u.key || ' ' || (make_date(month / 12, month % 12 + 1, 1) - date '1970-01-01') + d
      from analytics.user_months join analytics.users u on u.id = user_id cross join generate_series(0, 30) d
      cross join lateral (values ('day', days), ('view-day', view_days)) v (kind, bits) where (bits >> d) & 1 = 1
      union all
      select 'key ' || u.key || ' ' || ${ms("occurred_at")} || ' ' || action || ' = ' || coalesce(${ms("last_view_at")}::text, '')
      from analytics.key_facts join analytics.users u on u.id = user_id
      union all
      select 'fact ' || ${ms("occurred_at")} || ' ' || coalesce(u.key, '') || ' ' || coalesce(p.key, '') || ' ' || t.name || ' '
        || service_id || ' ' || f.action || ' ' || coalesce(c.code, '') || ' ' || coalesce(${cents("amount")}::text, '')
      from analytics.facts f join analytics.event_types t on t.id = f.event_type
      left join analytics.users u on u.id = user_id left join analytics.products p on p.id = product_id
      left join analytics.currencies c on c.id = currency`,
  });
  return rows.map(({ line }) => line).sort();
}

/** Lines that one side has and the other has not, as many times as they do. */
export function differences(expected: readonly string[], stored: readonly string[]): string[] {
  const counts = new Map<string, number>();
  for (const line of expected) counts.set(line, (counts.get(line) ?? 0) + 1);
  for (const line of stored) counts.set(line, (counts.get(line) ?? 0) - 1);
  return [...counts]
    .filter(([, count]) => count !== 0)
    .map(([line, count]) => `${count > 0 ? "missing" : "too many"}: ${line}`)
    .sort();
}
