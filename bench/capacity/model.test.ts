import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { type Costs, costAt, type Load, type Prices, partCosts, planFor } from "./model.ts";

const read = (name: string) =>
  JSON.parse(readFileSync(new URL(name, import.meta.url), "utf8")) as unknown;
const costs = read("costs.json") as Costs;
const prices = read("prices.json") as Prices;
const load: Load = {
  rate: 10_000,
  batch: 100,
  payload: 400,
  retentionDays: 30,
  users: 50_000,
  viewers: 10,
  path: "http",
  engine: "builtin",
  replication: 3,
};
const plan = (changes: Partial<Load>) => planFor({ ...load, ...changes }, { costs, prices });

test("the cost of a batch passes through the measured points and falls with the batch", () => {
  const cost = {
    points: [
      { events: 1, us: 42 },
      { events: 100, us: 14 },
    ],
  };
  assert.equal(costAt(cost, 1), 42);
  assert.ok(Math.abs(costAt(cost, 100) - 14) < 1e-9);
  assert.ok(costAt(cost, 10) < 42 && costAt(cost, 10) > 14);
  assert.ok(costAt(cost, 2_000) >= 7);
});

test("at 10,000 events/s in batches the sum is what was measured for the whole system", () => {
  const total = partCosts(costs, load).reduce((sum, { microsPerEvent }) => sum + microsPerEvent, 0);
  assert.ok(total > 90 && total < 105, `${total} µs; node bench/system.ts measured 98`);
  assert.equal(plan({}).shards, 1);
});

test("more events need at least as much of everything", () => {
  for (const path of ["http", "kafka", "kafka-first"] as const) {
    let before = plan({ path, rate: 1_000 });
    for (const rate of [3_000, 10_000, 30_000, 100_000, 300_000, 1_000_000]) {
      const now = plan({ path, rate });
      assert.ok(now.postgresCores >= before.postgresCores, `${path} ${rate}`);
      assert.ok(now.shards >= before.shards && now.partitions >= before.partitions);
      assert.ok(now.diskTb.postgresql > before.diskTb.postgresql);
      assert.ok((now.monthlyCost["total"] ?? 0) > (before.monthlyCost["total"] ?? 0));
      before = now;
    }
  }
});

test("each shard stays below what saturates first", () => {
  for (const rate of [10_000, 100_000, 1_000_000]) {
    const { shards, saturation } = plan({ rate, path: "kafka" });
    assert.ok(rate / shards <= (saturation[0]?.eventsPerSecond ?? 0));
  }
});

test("every cost says whether it was measured, and by which command", () => {
  for (const [part, cost] of Object.entries(costs.cpu)) {
    assert.match(cost.status, /^(measured|estimate)$/, part);
    assert.match(cost.command, /bench\/|wrk/, part);
  }
});
