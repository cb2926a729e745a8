import assert from "node:assert/strict";
import { after, test } from "node:test";
import type { Breakdown, Overview, Revenue, Series, TopProducts, Totals } from "@weir/protocol";
import { createTestDatabase } from "../../../../../testing/database.ts";
import { clientOf } from "../../../../../testing/query-client.ts";
import {
  decimal,
  foldEvents,
  historyStart,
  makeHistory,
  now,
  type OracleEvent,
  randomOf,
  services,
  writeEvents,
} from "../../../../test/oracle/history.ts";
import {
  actionOf,
  centsByCurrency,
  localBuckets,
  type MsRange,
  type OracleSession,
  sessionsOf,
  totalsOf,
  within,
} from "../../../../test/oracle/numbers.ts";
import { requestRerun } from "../../etl/reruns.ts";
import { queryRoutes } from "../routes.ts";

const minute = 60_000;
const day = 86_400_000;
const zones = ["UTC", "Europe/Istanbul", "Asia/Kolkata", "America/New_York"];
const events: OracleEvent[] = makeHistory(3_000);
const sessions: OracleSession[] = sessionsOf(events);
const random = randomOf(99);

const minuteRange = (longest = 15 * day): MsRange => {
  const from = historyStart - day + Math.floor((random() * 16 * day) / minute) * minute;
  return { from, to: from + minute + Math.floor((random() ** 2 * longest) / minute) * minute };
};
const hourRange = (): MsRange => {
  const from = historyStart + Math.floor(random() * 300) * 60 * minute;
  return { from, to: from + (1 + Math.floor(random() * 120)) * 60 * minute };
};
const iso = (at: number) => new Date(at).toISOString();
const rangeQuery = ({ from, to }: MsRange, zone = "UTC") =>
  `from=${iso(from)}&to=${iso(to)}&time_zone=${zone}`;
const sorted = <T extends { currency: string }>(rows: readonly T[]) =>
  [...rows].sort((a, b) => (a.currency < b.currency ? -1 : 1));

const database = await createTestDatabase({ after });
await writeEvents(database, events);
await foldEvents(database);
const client = clientOf(
  queryRoutes({
    database: database.app,
    requestRerun: (rerun) => requestRerun(database.app, rerun),
    now: () => now,
    version: "1.2.3",
    environment: "test",
    retentionDays: 90,
    timeoutMs: 5_000,
    freeFormTimeoutMs: 30_000,
    concurrency: 4,
  }),
);

test("the overview and its previous period are right for ranges of any minutes", async () => {
  for (let run = 0; run < 40; run++) {
    const range = minuteRange();
    const answer = await client.get<Overview>(`/api/analytics/overview?${rangeQuery(range)}`);
    assert.deepEqual(plain(answer.current), totalsOf(events, sessions, range), rangeQuery(range));
    const length = range.to - range.from;
    const before = { from: range.from - length, to: range.from };
    assert.deepEqual(answer.previous_range, {
      from: iso(before.from),
      to: iso(before.to),
      time_zone: "UTC",
    });
    assert.deepEqual(plain(answer.previous), totalsOf(events, sessions, before));
    assert.equal(answer.freshness.behind_events, 0);
  }
});

test("the overview of local days compares with as many local days, also across clock changes", async () => {
  for (const zone of zones) {
    const answer = await client.get<Overview>(
      `/api/analytics/overview?from=2026-11-01&to=2026-11-04&time_zone=${zone}`,
    );
    const bounds = localBuckets(
      { from: Date.UTC(2026, 9, 28), to: Date.UTC(2026, 10, 5) },
      zone,
      "day",
    );
    const local = (date: string) =>
      bounds.find(
        ({ from }) => new Intl.DateTimeFormat("en-CA", { timeZone: zone }).format(from) === date,
      )?.from ?? 0;
    const days = { from: local("2026-11-01"), to: local("2026-11-04") };
    const before = { from: local("2026-10-29"), to: days.from };
    assert.equal(answer.range.from, iso(days.from), zone);
    assert.equal(answer.range.to, iso(days.to), zone);
    assert.equal(answer.previous_range.from, iso(before.from), zone);
    assert.deepEqual(plain(answer.current), totalsOf(events, sessions, days), zone);
    assert.deepEqual(plain(answer.previous), totalsOf(events, sessions, before), zone);
  }
});

const metrics = ["events", "users", "sessions", "views", "carts", "purchases", "conversion"];
for (const zone of zones) {
  test(`every point of every series in ${zone}`, async () => {
    for (const [granularity, longest] of [
      ["minute", day],
      ["hour", 5 * day],
      ["day", 15 * day],
    ] as const) {
      const range = minuteRange(longest);
      const buckets = localBuckets(range, zone, granularity);
      for (const metric of metrics) {
        const answer = await client.get<Series>(
          `/api/analytics/series?${rangeQuery(range, zone)}&metric=${metric}&granularity=${granularity}`,
        );
        const expected = buckets.map((bucket) => ({
          start: iso(bucket.from),
          value: metricOf(metric, totalsOf(events, sessions, bucket)),
        }));
        assert.deepEqual(answer.points, expected, `${metric} ${granularity} ${rangeQuery(range)}`);
        assert.equal(answer.previous, null);
      }
    }
  });

  test(`revenue by local day in ${zone}, by source, beside the days before`, async () => {
    for (const source of [undefined, "ios"]) {
      const filter = source === undefined ? "" : `&source=${source}`;
      const answer = await client.get<Series>(
        `/api/analytics/series?from=2026-10-30&to=2026-11-04&time_zone=${zone}&metric=revenue&currency=TRY&granularity=day&compare=previous${filter}`,
      );
      const chosen = events.filter((event) => source === undefined || event.service === source);
      const points = (range: MsRange) =>
        localBuckets(range, zone, "day").map((bucket) => ({
          start: iso(bucket.from),
          value: decimal(centsByCurrency(within(chosen, bucket), "purchase").get("TRY") ?? 0),
        }));
      const range = { from: Date.parse(answer.range.from), to: Date.parse(answer.range.to) };
      const start = Date.parse(answer.previous?.[0]?.start ?? "");
      assert.deepEqual(answer.points, points(range));
      assert.deepEqual(answer.previous, points({ from: start, to: range.from }));
      assert.equal(answer.points.length, 5);
      assert.equal(answer.previous?.length, 5);
      assert.equal(answer.currency, "TRY");
    }
  });
}

test("a series filters by event type or source; unknown names give zeros", async () => {
  const range = hourRange();
  const ask = async (filter: string, metric = "events") => {
    const answer = await client.get<Series>(
      `/api/analytics/series?${rangeQuery(range)}&metric=${metric}&granularity=hour&${filter}`,
    );
    return answer.points.map(({ value }) => Number(value));
  };
  const counts = (keep: (event: OracleEvent) => boolean) =>
    localBuckets(range, "UTC", "hour").map((bucket) => within(events, bucket).filter(keep).length);
  assert.deepEqual(
    await ask("event_type=view_item"),
    counts(({ type }) => type === "view_item"),
  );
  assert.deepEqual(
    await ask("source=pos", "views"),
    counts((event) => event.service === "pos" && actionOf(event) === "view"),
  );
  assert.deepEqual(
    await ask("source=pos&event_type=purchase", "purchases"),
    counts(({ service, type }) => service === "pos" && type === "purchase"),
  );
  for (const filter of ["event_type=never", "source=never", "event_type=signup&source=x"]) {
    assert.deepEqual(
      await ask(filter),
      counts(() => false),
      filter,
    );
  }
  assert.deepEqual(
    await ask("currency=JPY", "revenue"),
    counts(() => false),
  );
});

test("event types and sources are counted from windows, with their previous counts", async () => {
  for (const by of ["event_type", "source"] as const) {
    const range = minuteRange();
    const answer = await client.get<Breakdown>(
      `/api/analytics/breakdown?${rangeQuery(range)}&by=${by}&limit=2`,
    );
    const value = (event: OracleEvent) => (by === "source" ? event.service : event.type);
    const before = { from: range.from - (range.to - range.from), to: range.from };
    assertBreakdown(answer, { value, range, before });
    assert.equal(answer.from_raw, false);
  }
});

test("other dimensions are read from raw events of every format, and the answer says so", async () => {
  const values: Record<string, (event: OracleEvent) => string | null> = {
    user: ({ user }) => user,
    product: ({ products }) => (products.length === 1 ? (products[0]?.id ?? null) : null),
    currency: ({ cents, currency }) => (cents === null ? null : (currency ?? "XXX")),
    "properties.plan": (event) => propertiesOf(event).plan,
    "properties.deep.city": (event) => propertiesOf(event).deep.city,
    "properties.nothing": () => null,
  };
  for (const [by, value] of Object.entries(values)) {
    const range = minuteRange();
    const answer = await client.get<Breakdown>(
      `/api/analytics/breakdown?${rangeQuery(range)}&by=${by}&limit=1000`,
    );
    assertBreakdown(answer, { value, range, before: undefined });
    assert.equal(answer.from_raw, true);
  }
});

test("users are counted per event type, source and property value", async () => {
  for (const [by, value] of [
    ["event_type", ({ type }: OracleEvent) => type],
    ["source", ({ service }: OracleEvent) => service],
    ["properties.plan", (event: OracleEvent) => propertiesOf(event).plan],
  ] as const) {
    const range = minuteRange();
    const answer = await client.get<Breakdown>(
      `/api/analytics/breakdown?${rangeQuery(range)}&by=${by}&metric=users`,
    );
    const users = new Map<string | null, Set<string>>();
    for (const event of within(events, range)) {
      if (event.user === null) continue;
      const seen = users.get(value(event)) ?? new Set();
      users.set(value(event), seen.add(event.user));
    }
    const counts = Object.fromEntries(answer.rows.map((row) => [row.value, row.count]));
    assert.deepEqual(
      counts,
      Object.fromEntries([...users].map(([name, seen]) => [name, seen.size])),
    );
  }
});

test("top products are right for every sort, over whole hours and any minutes", async () => {
  for (const sort of ["views", "carts", "purchases", "revenue"] as const) {
    for (const range of [hourRange(), minuteRange(), minuteRange(50 * minute)]) {
      const currency = sort === "revenue" ? "&currency=TRY" : "";
      const answer = await client.get<TopProducts>(
        `/api/analytics/products?${rangeQuery(range)}&sort=${sort}&limit=7${currency}`,
      );
      const expected = productsOf(within(events, range));
      const figure = (row: (typeof expected)[number]) =>
        sort === "revenue" ? (row.cents.get("TRY") ?? 0) : row[sort];
      const ranked = expected
        .filter((row) => (sort === "revenue" ? row.cents.has("TRY") : figure(row) > 0))
        .sort((a, b) => figure(b) - figure(a) || (a.id < b.id ? -1 : 1))
        .slice(0, 7);
      assert.deepEqual(
        answer.rows.map((row) => ({ ...row, revenue: sorted(row.revenue) })),
        ranked.map(({ id, views, carts, purchases, cents }) => ({
          product_id: id,
          name: null,
          category: null,
          views,
          carts,
          purchases,
          revenue: sorted(
            [...cents].map(([code, sum]) => ({ currency: code, amount: decimal(sum) })),
          ),
        })),
        `${sort} ${rangeQuery(range)}`,
      );
    }
  }
});

test("revenue, orders and refunds are right per currency, and revenue per source", async () => {
  for (let run = 0; run < 10; run++) {
    const range = minuteRange();
    const answer = await client.get<Revenue>(`/api/analytics/revenue?${rangeQuery(range)}`);
    const inside = within(events, range);
    const before = within(events, {
      from: range.from - (range.to - range.from),
      to: range.from,
    });
    const paid = inside.filter((event) => event.cents !== null);
    const currencies = new Set(
      [...paid, ...before.filter(({ cents }) => cents !== null)]
        .filter((event) => ["purchase", "refund"].includes(actionOf(event)))
        .map(({ currency }) => currency ?? "XXX"),
    );
    const orders = (currency: string, action: string) =>
      paid.filter((event) => actionOf(event) === action && (event.currency ?? "XXX") === currency);
    assert.deepEqual(
      sorted(answer.rows),
      [...currencies].sort().map((currency) => {
        const sum = (list: readonly OracleEvent[], action: string) =>
          centsByCurrency(list, action).get(currency) ?? 0;
        const bought = orders(currency, "purchase").length;
        const average = Math.round((sum(inside, "purchase") * 100) / Math.max(bought, 1)) / 10_000;
        return {
          currency,
          revenue: decimal(sum(inside, "purchase")),
          orders: bought,
          average_order: String(average),
          refunds: decimal(sum(inside, "refund")),
          refund_count: orders(currency, "refund").length,
          previous_revenue: decimal(sum(before, "purchase")),
        };
      }),
    );
    const bySource = services.flatMap((source) =>
      [...currencies].flatMap((currency) => {
        const own = orders(currency, "purchase").filter(({ service }) => service === source);
        if (own.length === 0) return [];
        const cents = own.reduce((sum, event) => sum + (event.cents ?? 0), 0);
        return [{ source, currency, revenue: decimal(cents), orders: own.length }];
      }),
    );
    const key = (row: { source: string; currency: string }) => row.source + row.currency;
    const inOrder = <T extends { source: string; currency: string }>(rows: T[]) =>
      rows.sort((a, b) => (key(a) < key(b) ? -1 : 1));
    assert.deepEqual(inOrder(answer.by_source), inOrder(bySource));
  }
});

function plain(totals: Totals): Totals {
  return { ...totals, revenue: sorted(totals.revenue), refunds: sorted(totals.refunds) };
}

function metricOf(metric: string, totals: Totals): string {
  if (metric === "conversion") return String(Number((totals.conversion ?? 0).toFixed(6)));
  return String(totals[metric as "events"]);
}

function propertiesOf(event: OracleEvent): { plan: string | null; deep: { city: string } } {
  const payload = JSON.parse(event.payload);
  return payload.properties ?? payload.data.properties;
}

function assertBreakdown(
  answer: Breakdown,
  expected: {
    value: (event: OracleEvent) => string | null;
    range: MsRange;
    before: MsRange | undefined;
  },
): void {
  const { value, range, before } = expected;
  const count = (list: readonly OracleEvent[]) => {
    const counts = new Map<string | null, number>();
    for (const event of list) counts.set(value(event), (counts.get(value(event)) ?? 0) + 1);
    return counts;
  };
  const all = within(events, range);
  const counts = count(all);
  const previous = before === undefined ? undefined : count(within(events, before));
  for (const row of answer.rows) {
    assert.equal(row.count, counts.get(row.value), `${answer.by} ${row.value}`);
    assert.equal(row.share, row.count / all.length);
    assert.equal(row.previous, previous === undefined ? null : (previous.get(row.value) ?? 0));
  }
  const largest = [...counts.values()].sort((a, b) => b - a).slice(0, answer.rows.length);
  assert.deepEqual(
    answer.rows.map((row) => row.count),
    largest,
  );
  assert.equal(answer.other, all.length - largest.reduce((sum, own) => sum + own, 0));
}

function productsOf(list: readonly OracleEvent[]) {
  const products = new Map<
    string,
    { id: string; views: number; carts: number; purchases: number; cents: Map<string, number> }
  >();
  for (const event of list) {
    const action = actionOf(event);
    if (!["view", "cart", "purchase"].includes(action)) continue;
    for (const { id, cents } of event.products) {
      const row = products.get(id) ?? {
        id,
        views: 0,
        carts: 0,
        purchases: 0,
        cents: new Map<string, number>(),
      };
      products.set(id, row);
      if (action === "view") row.views++;
      if (action === "cart") row.carts++;
      if (action === "purchase") row.purchases++;
      if (action === "purchase" && cents !== null && event.cents !== null) {
        const currency = event.currency ?? "XXX";
        row.cents.set(currency, (row.cents.get(currency) ?? 0) + cents);
      }
    }
  }
  return [...products.values()];
}
