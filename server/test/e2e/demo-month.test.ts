/**
 * What a newcomer sees: the demo of a first start is one believable month, asked through the API with the
 * same ranges as the dashboard's Overview, while the history is still being sent and afterwards.
 */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { previousSpan } from "../../../dashboard/src/range/previous-span.ts";
import { type Preset, resolveRange, type Span } from "../../../dashboard/src/range/range.ts";
import { createTestFolder } from "../../../testing/database.ts";
import { assertWithin } from "../../../testing/too-late.ts";
import { until } from "../../../testing/until.ts";
import type { DemoState } from "../../src/parts/demo/demo-state.ts";
import { type RunningWeir, startWeir } from "../helpers/weir.ts";

const zone = "Europe/Istanbul";
const presets: readonly Preset[] = ["1h", "24h", "today", "yesterday", "7d", "30d"];
const dayMs = 86_400_000;

interface Totals {
  readonly events: number;
  readonly users: number;
  readonly sessions: number;
  readonly purchases: number;
  readonly conversion: number | null;
  readonly revenue: readonly { readonly currency: string; readonly amount: string }[];
}

async function ask<T>(weir: RunningWeir, question: string, span: Span): Promise<T> {
  const range = `from=${new Date(span.from).toISOString()}&to=${new Date(span.to).toISOString()}`;
  const answer = await fetch(
    `${weir.run.url}/api/analytics/${question}${question.includes("?") ? "&" : "?"}${range}&time_zone=${zone}`,
    { headers: { "X-API-Key": weir.adminKey }, signal: AbortSignal.timeout(20_000) },
  );
  assert.equal(answer.status, 200, await answer.clone().text());
  return (await answer.json()) as T;
}

/** The changes that Overview shows for a preset, as ratios; a share's in points. */
async function changesOf(weir: RunningWeir, preset: Preset): Promise<Record<string, number>> {
  const choice = { kind: "preset", preset } as const;
  const span = resolveRange(choice, zone, Date.now());
  assert.ok(span !== undefined);
  const of = async (range: Span) =>
    (await ask<{ current: Totals }>(weir, "overview", range)).current;
  const [now, before] = [await of(span), await of(previousSpan(choice, zone, span))];
  const changes: Record<string, number> = {};
  for (const name of ["events", "users", "sessions", "purchases"] as const) {
    changes[name] = now[name] / before[name] - 1;
  }
  const main = now.revenue[0];
  const earlier = before.revenue.find(({ currency }) => currency === main?.currency);
  changes["revenue"] = Number(main?.amount) / Number(earlier?.amount) - 1;
  return changes;
}

function stateOf(dataDir: string): DemoState {
  return JSON.parse(readFileSync(join(dataDir, "demo.json"), "utf8")) as DemoState;
}

const allParts = 1 + 4 * 62;

test("a fresh start shows one believable month, and a restart continues it", async (t) => {
  const dataDir = await createTestFolder(t);
  const weir = await startWeir(t, { dataDir, arguments: [] });
  const began = performance.now();

  await t.test("while the history is sent, after its first quarter", async () => {
    await until(() => stateOf(dataDir).parts > allParts / 2, {
      what: "half of the history",
      timeoutMs: 180_000,
      everyMs: 100,
    });
    for (const preset of ["7d", "30d"] as const) {
      const { events = 0 } = await changesOf(weir, preset);
      assert.ok(events > -0.4 && events < 0.6, `${preset}: ${events}`);
    }
  });

  await until(() => stateOf(dataDir).parts >= allParts, {
    what: "the whole history",
    timeoutMs: 240_000,
    everyMs: 200,
  });
  await until(async () => (await lagOf(weir)) === 0, { what: "the windows", timeoutMs: 120_000 });
  t.diagnostic(
    `history complete ${Math.round((performance.now() - began) / 1000)} s after the first screen`,
  );

  await t.test("every comparison of the Overview is sensible", async () => {
    const seen: Record<string, Record<string, number>> = {};
    for (const preset of presets) seen[preset] = await changesOf(weir, preset);
    t.diagnostic(JSON.stringify(seen));
    for (const [preset, changes] of Object.entries(seen)) {
      // minutes after midnight "today" is a handful of visits
      const limit = preset === "today" && hoursToday() < 3 ? 1.5 : 0.6;
      for (const [name, change] of Object.entries(changes)) {
        assert.ok(change > -0.4 && change < limit, `${preset} ${name}: ${change}`);
      }
    }
  });

  await t.test(
    "no hour of the last two days is a cliff, no day of two months is flat",
    async () => {
      const to = Math.floor(Date.now() / 3_600_000) * 3_600_000;
      const hours = await seriesOf(weir, "hour", { from: to - 2 * dayMs, to });
      assert.equal(hours.length, 48);
      for (const [place, value] of hours.entries()) {
        const before = hours[place - 1];
        if (before !== undefined) {
          assert.ok(value / before > 0.55 && value / before < 1.75, `${place}: ${hours}`);
        }
      }
      const today = Math.floor(Date.now() / dayMs) * dayMs;
      const days = await seriesOf(weir, "day", { from: today - 60 * dayMs, to: today });
      assert.ok(Math.min(...days) > 0.4 * Math.max(...days), `${days}`);
      assert.ok(Math.max(...days) > 1.2 * (days.at(-1) ?? 0), "the campaign shows");
    },
  );

  await t.test("a second start is ready in seconds and repeats nothing", async () => {
    const month = await eventsOf(weir);
    assert.equal(await weir.stop(), 0);
    const at = performance.now();
    const second = await startWeir(t, { dataDir, arguments: [] });
    assertWithin(performance.now() - at, 20_000, "the second start");
    await until(async () => (await lagOf(second)) === 0, { what: "the windows" });
    const grown = (await eventsOf(second)) - month;
    assert.ok(grown >= 0 && grown < 500, `${grown} more events`);
  });
});

function hoursToday(): number {
  const midnight = resolveRange({ kind: "preset", preset: "today" }, zone, Date.now())?.from ?? 0;
  return (Date.now() - midnight) / 3_600_000;
}

async function lagOf(weir: RunningWeir): Promise<number> {
  const answer = await fetch(`${weir.run.url}/health/etl`, {
    headers: { "X-API-Key": weir.adminKey },
    signal: AbortSignal.timeout(5_000),
  });
  const [, unread = "1"] = /"unread_events":\s*(\d+)/.exec(await answer.text()) ?? [];
  return Number(unread);
}

async function seriesOf(weir: RunningWeir, granularity: string, span: Span): Promise<number[]> {
  const range = `metric=events&granularity=${granularity}`;
  const from = new Date(span.from).toISOString();
  const to = new Date(span.to).toISOString();
  const answer = await fetch(
    `${weir.run.url}/api/analytics/series?${range}&from=${from}&to=${to}&time_zone=UTC`,
    { headers: { "X-API-Key": weir.adminKey }, signal: AbortSignal.timeout(20_000) },
  );
  const { points } = (await answer.json()) as { points: { value: number }[] };
  return points.map(({ value }) => Number(value));
}

async function eventsOf(weir: RunningWeir): Promise<number> {
  const now = Date.now();
  const span = { from: now - 62 * dayMs, to: now + 60_000 };
  const minute = (at: number) => Math.floor(at / 60_000) * 60_000;
  const whole = { from: minute(span.from), to: minute(span.to) };
  return (await ask<{ current: Totals }>(weir, "overview", whole)).current.events;
}
