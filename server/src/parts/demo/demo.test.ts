import assert from "node:assert/strict";
import { test } from "node:test";
import { startMisbehavingServer, until } from "../../../../sdk/test/misbehaving-server.ts";
import { type DemoEvent, dayMs } from "./demo-event.ts";
import { createHistory } from "./history.ts";
import { seededRandom, zipf } from "./random.ts";
import { type DemoProgress, runDemo, shopRate } from "./run-demo.ts";
import { readSamples, sampleFolder } from "./samples.ts";
import { campaignOf, dayRhythm, weekRhythm } from "./shop-rhythm.ts";
import { Traffic } from "./traffic.ts";

const hourMs = 3_600_000;
const anchor = Date.parse("2026-11-21T10:17:00Z");
const keys = { "shop-web": "web", "shop-ios": "ios", "shop-pos": "pos" };
const samples = await readSamples(sampleFolder);
const { catalogue } = samples;

function trafficOf(options: { seed?: number; rate?: number; days?: number; at?: number }) {
  const { seed = 1, rate = shopRate, days = 61, at = anchor } = options;
  return new Traffic({
    ...{ catalogue, seed, rate, anchor: at },
    historyRate: shopRate,
    historyDays: days,
  });
}

function historyOf(traffic: Traffic, days = 61): DemoEvent[] {
  const history = createHistory(samples, traffic, days);
  return Array.from({ length: history.parts }, (_, part) => history.part(part)).flat();
}

function count(events: readonly DemoEvent[], matches: (event: DemoEvent) => boolean): number {
  return events.filter(matches).length;
}

/** Two months of history, and three days of the live traffic after it. */
const traffic = trafficOf({});
const past = historyOf(traffic);
const present = traffic.startingAt(anchor).until(anchor + 3 * dayMs);
const all = [...past, ...present].sort((a, b) => a.at - b.at);

interface Figures {
  readonly [name: string]: number;
}

const times = all.map(({ at }) => at);

/** Number of events before an instant. */
function placeOf(at: number): number {
  let [low, high] = [0, times.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((times[middle] ?? 0) < at) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** What Overview shows of a span. */
function figuresOf(from: number, to: number): Figures {
  const users = new Set<string | null | undefined>();
  const sessions = new Set<string | null | undefined>();
  const counts: Record<string, number> = { "product.view": 0, "cart.add": 0, purchase: 0 };
  let revenue = 0;
  const [first, last] = [placeOf(from), placeOf(to)];
  for (const { event } of all.slice(first, last)) {
    const { product, properties } = event;
    users.add(event.user_id ?? event.anonymous_id);
    sessions.add(event.session_id);
    counts[event.event_type] = (counts[event.event_type] ?? 0) + 1;
    const currency = properties?.["currency"] ?? product?.currency;
    if (event.event_type !== "purchase" || currency !== "GBP") continue;
    const listed = Number(product?.price ?? 0) * Number(product?.quantity ?? 1);
    revenue += Number(properties?.["revenue"] ?? listed);
  }
  return {
    events: last - first,
    users: users.size,
    sessions: sessions.size,
    purchases: counts["purchase"] ?? 0,
    revenue,
    views: counts["product.view"] ?? 0,
    carts: counts["cart.add"] ?? 0,
  };
}

function changes(span: { from: number; to: number }, back: number): Figures {
  const now = figuresOf(span.from, span.to);
  const before = figuresOf(span.from - back, span.to - back);
  return Object.fromEntries(
    Object.entries(now).map(([name, value]) => [name, value / (before[name] ?? 0) - 1]),
  );
}

test("at any hour of the first days every comparison of the Overview is sensible", () => {
  const worst: Record<string, [number, number]> = {};
  for (let hour = 0; hour < 48; hour++) {
    const to = anchor + hour * hourMs;
    const today = Math.floor(to / dayMs) * dayMs;
    const spans: Record<string, [from: number, back: number]> = {
      "1h": [to - hourMs, hourMs],
      "24h": [Math.floor(to / hourMs) * hourMs - 23 * hourMs, dayMs],
      ...(to - today > hourMs ? { today: [today, dayMs] as [number, number] } : {}),
      // long ranges change little from hour to hour
      ...(hour % 12 === 0
        ? { "7d": [today - 6 * dayMs, 7 * dayMs], "30d": [today - 29 * dayMs, 30 * dayMs] }
        : {}),
    };
    for (const [span, [from, back]] of Object.entries(spans)) {
      for (const [figure, change] of Object.entries(changes({ from, to }, back))) {
        const [low, high] = worst[`${span} ${figure}`] ?? [0, 0];
        worst[`${span} ${figure}`] = [Math.min(low, change), Math.max(high, change)];
      }
    }
  }
  // at night an hour has a handful of orders
  const few = /^(1h|today) (purchases|revenue|carts)$/;
  const wild = Object.entries(worst).filter(([name, [low, high]]) =>
    few.test(name) ? low < -0.65 || high > 1.3 : low < -0.4 || high > 0.6,
  );
  assert.deepEqual(wild, []);
});

test("the history is one month after the other: rhythm, growth, a campaign, no empty day", () => {
  assert.equal(new Set(past.map(({ event }) => event.event_id)).size, past.length);
  assert.ok(past.every(({ at }) => at < anchor && at >= anchor - 76 * dayMs));
  const today = Math.floor(anchor / dayMs) * dayMs;
  const eventsOn = (day: number) =>
    count(past, ({ at }) => Math.floor(at / dayMs) === today / dayMs - day);
  const days = Array.from({ length: 60 }, (_, day) => eventsOn(day + 1));
  assert.ok(Math.min(...days) > 3_000, `an empty day: ${Math.min(...days)}`);
  const sum = (from: number, to: number) => days.slice(from, to).reduce((a, b) => a + b, 0);
  const growth = sum(0, 30) / sum(30, 60);
  assert.ok(growth > 1.15 && growth < 1.5, `grew by ${growth}`);
  const campaign = days.slice(14, 17).reduce((a, b) => a + b, 0) / 3;
  const around = (sum(7, 14) + sum(18, 25)) / 14;
  assert.ok(campaign / around > 1.25, `the campaign brings ${campaign / around}`);
  const inCampaign = past.filter(({ event }) => event.properties?.["campaign"] !== undefined);
  assert.ok(
    inCampaign.every(
      ({ at }) => campaignOf(at - 2 * hourMs, anchor)[1] || campaignOf(at, anchor)[1],
    ),
  );
  const night = count(past, ({ at }) => Math.floor((at % dayMs) / hourMs) === 3);
  const evening = count(past, ({ at }) => Math.floor((at % dayMs) / hourMs) === 16);
  assert.ok(evening / night > 2 && evening / night < 4, `evening to night ${evening / night}`);
});

test("day and week rhythms have the mean 1 and change by less than a quarter in an hour", () => {
  const minutes = Array.from({ length: 7 * 24 * 60 }, (_, minute) => anchor + minute * 60_000);
  for (const rhythm of [dayRhythm, weekRhythm]) {
    const mean = minutes.reduce((sum, at) => sum + rhythm(at), 0) / minutes.length;
    assert.ok(Math.abs(mean - 1) < 0.01, `${mean}`);
    for (const at of minutes) assert.ok(Math.abs(rhythm(at + hourMs) / rhythm(at) - 1) < 0.25);
  }
});

test("the live traffic continues the history: no gap, no repeat, the same rate", () => {
  const hours = [-3, -2, -1, 0, 1, 2].map((hour) =>
    count(all, ({ at }) => at >= anchor + hour * hourMs && at < anchor + (hour + 1) * hourMs),
  );
  for (const [place, events] of hours.entries()) {
    const before = hours[place - 1];
    if (before !== undefined) assert.ok(Math.abs(events / before - 1) < 0.35, `${hours}`);
  }
  assert.equal(new Set(all.map(({ event }) => event.event_id)).size, all.length);
  const resumed = trafficOf({})
    .startingAt(anchor + 10 * hourMs)
    .until(anchor + 11 * hourMs);
  const straight = present.filter(
    ({ at }) => at >= anchor + 10 * hourMs && at <= anchor + 11 * hourMs,
  );
  const byId = (a: DemoEvent, b: DemoEvent) =>
    String(a.event.event_id) < String(b.event.event_id) ? -1 : 1;
  const same = JSON.stringify(resumed.sort(byId)) === JSON.stringify(straight.sort(byId));
  assert.ok(same && straight.length > 100, "a restart sends the same events");
});

test("at any moment of the first start the parts that were sent have the shape of the whole", () => {
  const history = createHistory(samples, traffic, 61);
  const today = Math.floor(anchor / dayMs) * dayMs;
  const sent: DemoEvent[] = [];
  const of = (from: number, to: number) =>
    count(sent, ({ at }) => at >= today - from * dayMs && at < today - to * dayMs);
  for (let part = 0; part < history.parts; part++) {
    sent.push(...history.part(part));
    // the first quarter takes a few seconds
    const inRound = (part - 1) % 62;
    if (part < history.parts / 4 + 2 || inRound < 4 || inRound % 29 !== 0) continue;
    for (const change of [of(7, 0) / of(14, 7), of(30, 0) / of(60, 30), of(1, 0) / of(2, 1)]) {
      assert.ok(change > 0.6 && change < 1.7, `${change} after part ${part}`);
    }
  }
});

test("visits view, cart and buy as in a shop: services, countries, currencies, sign-ins, refunds", () => {
  const simulated = past.filter(({ event }) => event.properties?.["simulated"] === true);
  const share = (matches: (event: DemoEvent) => boolean) =>
    count(simulated, matches) / simulated.length;
  const ofType = (type: string) => share(({ event }) => event.event_type === type);
  assert.ok(ofType("product.view") > 0.4, `views ${ofType("product.view")}`);
  assert.ok(ofType("cart.add") > 0.03 && ofType("cart.add") < ofType("product.view") / 3);
  const purchases = simulated.filter(({ event }) => event.event_type === "purchase");
  const sessions = new Set(simulated.map(({ event }) => event.session_id)).size;
  const conversion = purchases.length / sessions;
  assert.ok(conversion > 0.08 && conversion < 0.14, `conversion ${conversion}`);
  for (const type of ["search", "page.view", "checkout.started", "user.signed_in"]) {
    assert.ok(ofType(type) > 0, type);
  }
  const signIn = simulated.find(({ event }) => event.event_type === "user.signed_in");
  assert.ok(signIn?.event.user_id && signIn.event.anonymous_id, "a sign-in names both");
  const anonymous = share(({ event }) => event.user_id === undefined);
  assert.ok(anonymous > 0.2 && anonymous < 0.6, `anonymous ${anonymous}`);
  const currencies = Object.groupBy(purchases, ({ event }) =>
    String(event.properties?.["currency"]),
  );
  assert.deepEqual(Object.keys(currencies).sort(), ["EUR", "GBP", "USD"]);
  const countries = new Set(simulated.map(({ event }) => event.properties?.["country"]));
  assert.equal(countries.size, 8);
  const orders = new Map(
    purchases.map(({ event }) => [
      event.properties?.["order_id"],
      event.user_id ?? event.anonymous_id,
    ]),
  );
  assert.equal(orders.size, purchases.length, "an order id names one order");
  const refunds = simulated.filter(({ event }) => event.event_type === "refund");
  assert.ok(refunds.length / purchases.length > 0.02 && refunds.length / purchases.length < 0.1);
  const known = refunds.filter(
    ({ event }) =>
      orders.get(event.properties?.["order_id"]) === (event.user_id ?? event.anonymous_id),
  );
  assert.ok(
    known.length / refunds.length > 0.95,
    "a refund belongs to an order of the same person",
  );
});

test("every row of the samples is there once, with its product, price, customer and order", () => {
  const samplesOnly = past.filter(({ event }) => event.properties?.["sample"] !== undefined);
  assert.equal(samplesOnly.length, 6_000);
  const bunny = past.find(({ event }) => event.event_id === "uci-online-retail-95163");
  assert.deepEqual(bunny?.event.product, {
    id: "22229",
    name: "Bunny Wooden Painted With Flower",
    category: "Garden",
    price: 0.85,
    currency: "GBP",
    quantity: 3,
  });
  assert.equal(bunny?.event.user_id, "customer-16466");
  assert.equal(bunny?.event.properties?.["order_id"], "544447");
});

test("the same anchor and seed give the same bytes; another seed another history", () => {
  const bytes = (seed: number) => JSON.stringify(historyOf(trafficOf({ seed, days: 3 }), 3));
  assert.equal(bytes(1), bytes(1));
  assert.notEqual(bytes(1), bytes(2));
});

test("the rate that was asked for is the rate that comes, also a high one and none", () => {
  const mean = (rate: number, [from, to]: [number, number]) => {
    const live = trafficOf({ rate, days: 1 }).startingAt(anchor, 60_000);
    return (
      live.until(anchor + to).filter(({ at }) => at >= anchor + from).length / ((to - from) / 1000)
    );
  };
  const slow = mean(0.5, [0, dayMs]) / (0.5 * weekRhythm(anchor));
  assert.ok(Math.abs(slow - 1) < 0.12, `${slow}`);
  // visits of minutes have to begin first
  const fast = mean(500, [240_000, 300_000]) / (500 * dayRhythm(anchor) * weekRhythm(anchor));
  assert.ok(Math.abs(fast - 1) < 0.15, `${fast}`);
  assert.equal(mean(0, [7_200_000, dayMs]), 0);
});

test("popularity follows Zipf's law", () => {
  const draw = zipf(1_000, 1);
  const random = seededRandom(5);
  const seen = new Map<number, number>();
  for (let n = 0; n < 100_000; n++) {
    const rank = draw(random);
    seen.set(rank, (seen.get(rank) ?? 0) + 1);
  }
  const ratio = (seen.get(0) ?? 0) / (seen.get(9) ?? 1);
  assert.ok(ratio > 8 && ratio < 12, `first to tenth ${ratio}`);
  assert.ok([...seen.keys()].every((rank) => rank >= 0 && rank < 1_000));
});

test("the history takes seconds, continues after an interruption, and a repetition adds nothing", async (t) => {
  const server = await startMisbehavingServer(t);
  const stop = new AbortController();
  const options = {
    url: server.url,
    keys,
    anchor: new Date(anchor),
    now: () => anchor,
    historyDays: 8,
    live: false,
  };
  let parts = 0;
  await runDemo({
    ...options,
    signal: stop.signal,
    onSent: (marks) => {
      parts = marks.parts ?? parts;
      stop.abort();
    },
  });
  assert.equal(parts, 16, "of 37");
  const signal = new AbortController().signal;
  const rest = await runDemo({ ...options, signal, sentParts: parts });
  const expected = historyOf(trafficOf({ days: 8 }), 8).length;
  assert.equal(server.accepted.size, expected);
  assert.equal(rest.dropped + rest.rejected, 0);
  const again = await runDemo({ ...options, signal });
  assert.deepEqual([again.accepted, again.known], [0, expected]);
  const used = new Set(server.requests.map(({ headers }) => headers["x-api-key"]));
  assert.deepEqual([...used].sort(), ["ios", "pos", "web"]);
});

test("a restart catches up with what the shop did meanwhile", async (t) => {
  const server = await startMisbehavingServer(t);
  const stop = new AbortController();
  const liveUntil = new Date(anchor + 2 * dayMs);
  const running = runDemo({
    url: server.url,
    keys,
    anchor: new Date(anchor),
    historyDays: 0,
    liveUntil,
    now: () => anchor + 3 * dayMs,
    signal: stop.signal,
  });
  const missed = trafficOf({ days: 0 })
    .startingAt(liveUntil.getTime())
    .until(anchor + 3 * dayMs);
  await until(() => server.accepted.size >= missed.length, 20_000);
  stop.abort();
  await running;
  assert.equal(server.accepted.size, missed.length);
});

test("live traffic continues through a server that fails, and ends at once when aborted", async (t) => {
  const server = await startMisbehavingServer(t);
  const stop = new AbortController();
  const seen: DemoProgress[] = [];
  const running = runDemo({
    url: server.url,
    keys,
    historyDays: 0,
    rate: 400,
    seed: 1,
    signal: stop.signal,
    onProgress: (progress) => seen.push(progress),
  });
  await until(() => server.accepted.size > 100, 10_000);
  server.behave((_, response) => response.destroy());
  await until(() => (seen.at(-1)?.problem ?? "") !== "", 10_000);
  server.behave(server.acceptAll);
  const before = server.accepted.size;
  await until(() => server.accepted.size > before + 100, 10_000);
  assert.ok([...server.accepted.values()].every((times) => times === 1));
  const at = performance.now();
  server.behave(() => undefined);
  stop.abort();
  const last = await running;
  assert.ok(performance.now() - at < 5_000, `${performance.now() - at} ms`);
  assert.equal(last.phase, "done");
});

test("a refused key ends the demo with an error that says why", async (t) => {
  const server = await startMisbehavingServer(t);
  server.behave((_, response) => {
    response.writeHead(401, { "content-type": "application/problem+json" });
    response.end('{"title":"The API key has been revoked"}');
  });
  const signal = new AbortController().signal;
  await assert.rejects(runDemo({ url: server.url, keys, signal }), /has been revoked/);
});
