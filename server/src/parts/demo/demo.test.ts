import assert from "node:assert/strict";
import { test } from "node:test";
import { startMisbehavingServer, until } from "../../../../sdk/test/misbehaving-server.ts";
import { type DemoEvent, dayMs } from "./demo-event.ts";
import { seededRandom, zipf } from "./random.ts";
import { runBurst } from "./run-burst.ts";
import { type DemoProgress, readSamples, replayEvents, runDemo, sampleFolder } from "./run-demo.ts";
import { dayRhythm, Traffic } from "./traffic.ts";

const anchor = Date.parse("2026-11-21T10:00:00Z");
const keys = { "shop-web": "web", "shop-ios": "ios", "shop-pos": "pos" };
const samples = await readSamples(sampleFolder);

function count(events: readonly DemoEvent[], matches: (event: DemoEvent) => boolean): number {
  return events.filter(matches).length;
}

test("the samples lie in the last seven days, every row once, the last day rich", () => {
  const events = replayEvents(samples, { anchor, seed: 1, history: 0 });
  assert.equal(events.length, 6_000);
  assert.equal(new Set(events.map(({ event }) => event.event_id)).size, 6_000);
  assert.ok(events.every(({ at }) => at < anchor && at >= anchor - 7 * dayMs));
  assert.ok(count(events, ({ at }) => at >= anchor - dayMs) > 1_000);
  for (let day = 1; day <= 7; day++) {
    const ofDay = count(
      events,
      ({ at }) => at < anchor - (day - 1) * dayMs && at >= anchor - day * dayMs,
    );
    assert.ok(ofDay > 300, `${ofDay} events ${day} days back`);
  }
  assert.equal(
    count(events, ({ event }) => event.event_type === "purchase"),
    5_010,
  );
  assert.equal(
    count(events, ({ event }) => event.event_type === "product.view"),
    987,
  );
  assert.deepEqual([...new Set(events.map(({ source }) => source))].sort(), [
    "shop-ios",
    "shop-pos",
    "shop-web",
  ]);
});

test("a line of the sample becomes a purchase with its product, price, customer and order", () => {
  const events = replayEvents(samples, { anchor, seed: 1, history: 0 });
  const bunny = events.find(({ event }) => event.event_id === "uci-online-retail-95163");
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
  assert.equal(bunny?.event.timestamp?.slice(10), "T11:39:00.000Z", "its time of day");
});

test("the same anchor and seed give the same bytes; another seed another history", () => {
  const bytes = (seed: number) =>
    JSON.stringify(replayEvents(samples, { anchor, seed, history: 500 }));
  assert.equal(bytes(1), bytes(1));
  assert.notEqual(bytes(1), bytes(2));
});

test("visits view, cart and buy in the proportions of a shop, on all services, signed in or not", () => {
  const traffic = new Traffic({
    catalogue: samples.catalogue,
    random: seededRandom(7),
    start: anchor,
    rate: () => 20,
  });
  const events = traffic.until(anchor + 30 * 60_000);
  const share = (type: string) =>
    count(events, ({ event }) => event.event_type === type) / events.length;
  assert.ok(share("product.view") > 0.4, `views ${share("product.view")}`);
  assert.ok(share("cart.add") > 0.03 && share("cart.add") < share("product.view") / 3);
  assert.ok(share("purchase") > 0.02 && share("purchase") < 0.25, `purchases ${share("purchase")}`);
  for (const type of ["search", "refund", "page.view", "checkout.started"]) {
    assert.ok(share(type) > 0, type);
  }
  const anonymous = count(events, ({ event }) => event.user_id === undefined) / events.length;
  assert.ok(anonymous > 0.2 && anonymous < 0.6, `anonymous ${anonymous}`);
  for (let n = 1; n < events.length; n++) {
    assert.ok((events[n]?.at ?? 0) >= (events[n - 1]?.at ?? 0), "in order of time");
  }
  const ids = events.map(({ event }) => event.event_id);
  assert.equal(new Set(ids).size, ids.length);
});

test("the rate asked is the rate that comes, follows the day, and can change and pause", () => {
  const mean = (rate: number) => {
    const traffic = new Traffic({
      catalogue: samples.catalogue,
      random: seededRandom(3),
      start: anchor,
      rate: () => rate,
    });
    return traffic.until(anchor + dayMs).length / (dayMs / 1000);
  };
  assert.ok(Math.abs(mean(0.5) - 0.5) < 0.05, `${mean(0.5)} events/s`);
  const hours = Array.from({ length: 24 * 60 }, (_, minute) => dayRhythm(minute * 60_000));
  const average = hours.reduce((sum, value) => sum + value, 0) / hours.length;
  assert.ok(Math.abs(average - 1) < 0.01, `${average}`);
  let rate = 50;
  const traffic = new Traffic({
    catalogue: samples.catalogue,
    random: seededRandom(3),
    start: anchor,
    rate: () => rate,
  });
  const minute = 60_000;
  assert.ok(traffic.until(anchor + minute).length > 1_500, "in full swing at once");
  rate = 0;
  traffic.until(anchor + 60 * minute);
  assert.equal(traffic.until(anchor + 120 * minute).length, 0);
  rate = 500;
  assert.ok(traffic.until(anchor + 121 * minute).length > 15_000);
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

test("the replay of the samples takes seconds, and a restart with the same anchor adds nothing", async (t) => {
  const server = await startMisbehavingServer(t);
  const run = () =>
    runDemo({
      url: server.url,
      keys,
      anchor: new Date(anchor),
      now: () => anchor + 60_000,
      history: 1_000,
      live: false,
      signal: new AbortController().signal,
    });
  const started = performance.now();
  const first = await run();
  assert.ok(performance.now() - started < 5_000);
  const total = first.accepted;
  assert.ok(total > 6_500 && total < 7_500);
  assert.equal(first.dropped + first.rejected + first.known, 0);
  const again = await run();
  assert.deepEqual([again.accepted, again.known], [0, total]);
  const used = new Set(server.requests.map(({ headers }) => headers["x-api-key"]));
  assert.deepEqual([...used].sort(), ["ios", "pos", "web"]);
});

test("samples shifted to more than a week ago are not sent again", async (t) => {
  const server = await startMisbehavingServer(t);
  const signal = new AbortController().signal;
  const options = { url: server.url, keys, live: false, signal };
  const progress = await runDemo({ ...options, anchor: new Date(Date.now() - 8 * dayMs) });
  assert.equal(progress.phase, "done");
  assert.equal(server.requests.length, 0);
});

test("live traffic continues through a server that fails, and ends at once when aborted", async (t) => {
  const server = await startMisbehavingServer(t);
  const stop = new AbortController();
  const seen: DemoProgress[] = [];
  const running = runDemo({
    url: server.url,
    keys,
    anchor: new Date(Date.now() - 30 * dayMs),
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
  assert.ok(performance.now() - at < 1_500, `${performance.now() - at} ms`);
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

test("a burst sends exactly what was asked, and stops when told", async (t) => {
  const server = await startMisbehavingServer(t);
  const signal = new AbortController().signal;
  const done = await runBurst({ url: server.url, key: "k", events: 12_345, seed: 1, signal });
  assert.equal(done.accepted, 12_345);
  assert.equal(server.accepted.size, 12_345);
  const stop = new AbortController();
  server.behave(() => stop.abort());
  const stopped = await runBurst({
    url: server.url,
    key: "k",
    events: 100_000,
    signal: stop.signal,
  });
  assert.ok(stopped.accepted < 100_000, `${stopped.accepted} were sent all the same`);
});
