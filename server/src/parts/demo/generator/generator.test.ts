import assert from "node:assert/strict";
import { test } from "node:test";
import {
  answer,
  startMisbehavingServer,
  until,
} from "../../../../../sdk/test/misbehaving-server.ts";
import { checkKeptEvent } from "../../../core/event/kept.ts";
import { formats } from "../../../core/event/record.ts";
import { defaultEventTypeMapping } from "../../etl/event-types.ts";
import { GeneratedEvents, type GeneratorOptions, kinds } from "./generated-events.ts";
import { createHttpTarget } from "./http-target.ts";
import { Latencies } from "./latencies.ts";
import { runGenerator } from "./run-generator.ts";

const shares = { bad: 0.01, late: 0.02, duplicate: 0.01 };
const base = { seed: 7, start: Date.parse("2026-11-30T00:00:00Z"), density: 20_000, shares };
const generate = (options: Partial<GeneratorOptions> = {}) =>
  new GeneratedEvents({ ...base, ...options });

function texts(events: GeneratedEvents, numbers: readonly number[]): string[] {
  return numbers.map((n) => JSON.stringify(events.at(n)));
}

test("the same seed gives the same events and ids, in any order of asking; another seed others", () => {
  const numbers = Array.from({ length: 2_000 }, (_, n) => n * 37);
  const once = texts(generate(), numbers);
  assert.deepEqual(texts(generate(), numbers.toReversed()).toReversed(), once);
  const others = texts(generate({ seed: 8 }), numbers);
  assert.ok(others.every((text, place) => text !== once[place]));
});

test("shares are met to within a few events, whatever the seed and wherever one looks", () => {
  for (const seed of [1, 2, 3, 123_456_789]) {
    const events = generate({ seed });
    for (const from of [0, 500_000, 9_999_000]) {
      const found = { good: 0, late: 0, duplicate: 0, bad: 0 };
      for (let n = from; n < from + 10_000; n++) found[events.kindOf(n)]++;
      const { bad, late, duplicate } = found;
      for (const [kind, count, wanted] of [
        ["bad", bad, 100],
        ["late", late, 200],
        ["duplicate", duplicate, 100],
      ] as const) {
        assert.ok(Math.abs(count - wanted) <= 4, `${kind} of seed ${seed}: ${count}`);
      }
    }
  }
  assert.throws(() => generate({ shares: { bad: 0.6, late: 0.3, duplicate: 0.2 } }), RangeError);
});

test("good and late events are accepted, bad ones are not, and a duplicate is an earlier event again", () => {
  const events = generate({ shares: { bad: 0.2, late: 0.2, duplicate: 0.2 } });
  const known = new Map<unknown, string>();
  const seen = new Set<string>();
  for (let n = 0; n < 20_000; n++) {
    const { kind, event, cut } = events.at(n);
    const json = JSON.stringify(event);
    const checked = checkKeptEvent(Buffer.from(json), formats.native);
    assert.equal(checked?.kind, kind === "bad" ? "rejection" : "record", json);
    assert.ok(!cut || kind === "bad");
    seen.add(kind);
    if (kind === "bad") continue;
    if (kind === "duplicate") assert.equal(known.get(event.event_id), json);
    else assert.ok(!known.has(event.event_id));
    known.set(event.event_id, json);
    const behind = base.start + n / 20 - Date.parse(String(event.timestamp));
    if (kind === "late") assert.ok(behind > 599_000 && behind < 48 * 3_600_000, `${behind} ms`);
    if (kind === "good") assert.ok(behind >= 0 && behind < 1, `${behind} ms`);
  }
  assert.deepEqual([...seen].sort(), [...kinds].sort());
});

test("events have the form of the source documents and the names that analytics know", () => {
  const events = generate({ shares: { bad: 0, late: 0, duplicate: 0 } });
  const named = new Set<string>(Object.values(defaultEventTypeMapping).flat());
  const types = new Map<string, number>();
  const visits = new Map<unknown, unknown>();
  for (let n = 0; n < 30_000; n++) {
    const { event } = events.at(n);
    types.set(event.event_type, (types.get(event.event_type) ?? 0) + 1);
    assert.match(String(event.user_id), /^user\d+$/);
    assert.match(String(event.session_id), /^session\d+$/);
    assert.equal(visits.get(event.session_id) ?? event.user_id, event.user_id);
    visits.set(event.session_id, event.user_id);
    if (event.product == null) continue;
    const { id, name, description, category, price } = event.product;
    assert.match(id, /^[0-9a-f-]{36}$/);
    assert.ok(name && description && category && price);
  }
  for (const type of ["view", "search", "add_to_cart", "purchase", "product_review"]) {
    assert.ok((types.get(type) ?? 0) > 50, `${type}: ${types.get(type)}`);
  }
  for (const type of ["view", "search", "add_to_cart", "purchase"]) assert.ok(named.has(type));
  const bought = (types.get("purchase") ?? 0) / visits.size;
  assert.ok(bought > 0.12 && bought < 0.25, `${bought} of the visits buy`);
});

test("percentiles are at most 5 % too high, in the same memory for any number of times", () => {
  const latencies = new Latencies();
  assert.equal(latencies.percentile(0.5), undefined);
  for (let n = 1; n <= 1_000; n++) latencies.add(n);
  for (const [share, exact] of [
    [0.5, 500],
    [0.95, 950],
    [1, 1_000],
  ] as const) {
    const found = latencies.percentile(share) ?? 0;
    assert.ok(found >= exact && found < exact * 1.05, `${share}: ${found}`);
  }
  latencies.add(1e12, 1_000_000);
  assert.ok((latencies.percentile(0.99) ?? 0) > 1_000_000);
});

test("a burst over HTTP: the report says what was sent and how it was answered", async (t) => {
  const server = await startMisbehavingServer(t);
  const stop = new AbortController();
  const events = generate({ shares: { bad: 0, late: 0.02, duplicate: 0.01 } });
  const target = createHttpTarget({ url: server.url, key: "k", gzip: true, signal: stop.signal });
  const report = await runGenerator({ events, target, count: 12_345, signal: stop.signal });
  const { sent, outcomes } = report;
  assert.equal(report.ended, "complete");
  assert.equal(sent.good + sent.late + sent.duplicate, 12_345);
  assert.equal(outcomes.accepted, sent.good + sent.late);
  assert.equal(outcomes.duplicate, sent.duplicate);
  assert.ok(sent.duplicate > 100 && sent.late > 200);
  assert.equal(server.accepted.size, sent.good + sent.late);
  assert.ok((report.latency_ms.p95 ?? 0) >= (report.latency_ms.p50 ?? 1));
  assert.ok(report.events_per_second > 0 && report.megabytes_per_second > 0);
});

test("a server that stops answering stops the generator, which holds at most its queues", async (t) => {
  const server = await startMisbehavingServer(t);
  server.behave(() => undefined);
  const stop = new AbortController();
  const target = createHttpTarget({ url: server.url, key: "k", gzip: false, signal: stop.signal });
  const reports: number[] = [];
  const running = runGenerator({
    events: generate(),
    target,
    count: 10_000_000,
    signal: stop.signal,
    progressMs: 20,
    onProgress: ({ sent }) => reports.push(sent.good),
  });
  await until(() => reports.length > 20 && reports.at(-1) === reports.at(-10), 20_000);
  assert.ok((reports.at(-1) ?? 0) <= 12_000, `${reports.at(-1)} events are held`);
  const at = performance.now();
  stop.abort();
  const report = await running;
  assert.equal(report.ended, "interrupted");
  assert.ok(performance.now() - at < 10_000);
});

test("the rate is kept, and a refused key or a silent server ends the run", async (t) => {
  const server = await startMisbehavingServer(t);
  const { signal } = new AbortController();
  const target = () => createHttpTarget({ url: server.url, key: "k", gzip: false, signal });
  const events = generate();
  const paced = await runGenerator({ events, target: target(), count: 200, rate: 400, signal });
  assert.ok(paced.seconds >= 0.49, `${paced.seconds} s`);
  server.behave((_, response) => answer(response, 401, { title: "The API key has been revoked" }));
  const refused = await runGenerator({ events, target: target(), count: 100_000, signal });
  assert.equal(refused.ended, "gave_up");
  assert.match(refused.problem ?? "", /has been revoked/);
  server.behave(() => undefined);
  const silent = await runGenerator({
    events,
    target: target(),
    count: 100_000,
    signal,
    progressMs: 20,
    patienceMs: 100,
  });
  assert.equal(silent.ended, "gave_up");
});
