import assert from "node:assert/strict";
import { test } from "node:test";
import { createTestDatabase } from "../../../../../testing/database.ts";
import { uuidOfText } from "../../../core/uuid.ts";
import { markStale, takeStale } from "./stale-points.ts";

const points = Array.from({ length: 300 }, (_, n) => uuidOfText(String(n)));

test("each point is taken once, the oldest mark first, however often others are marked meanwhile", async (t) => {
  const { app } = await createTestDatabase(t);
  const taken: string[] = [];
  for (const part of [points.slice(0, 150), points.slice(150)]) {
    await markStale(app, "users", part);
    await markStale(app, "users", part);
  }
  await markStale(app, "products", points);
  const rounds: boolean[] = [];
  for (let round = 0; round < 6; round++) {
    const { ids, left } = await takeStale(app, "users", 50);
    taken.push(...ids);
    rounds.push(left);
    // points that were taken are marked again at once: they do not overtake waiting ones
    if (round < 5) await markStale(app, "users", ids);
  }
  assert.deepEqual(new Set(taken.slice(0, 150)), new Set(points.slice(0, 150)));
  assert.deepEqual(new Set(taken.slice(150)), new Set(points.slice(150)));
  assert.deepEqual(rounds, [true, true, true, true, true, true]);
  const again = await takeStale(app, "users", 1_000);
  assert.deepEqual(new Set(again.ids), new Set(taken.slice(0, 250)));
  assert.equal(again.ids.length, 250);
  assert.equal(again.left, false);
  const products = await takeStale(app, "products", 1_000);
  assert.deepEqual(new Set(products.ids), new Set(points));
});

test("a point that was put back has waited since it was marked", async (t) => {
  const { app } = await createTestDatabase(t);
  await markStale(app, "users", points);
  await app.query({ text: "update stream.stale set marked_at = marked_at - interval '1 hour'" });
  const first = await takeStale(app, "users", 1);
  await markStale(app, "users", first.ids);
  const second = await takeStale(app, "users", 299);
  assert.ok(first.waitedMs >= 3_600_000 && second.waitedMs >= first.waitedMs);
  assert.ok(!second.ids.includes(first.ids[0] ?? ""));
  const third = await takeStale(app, "users", 1);
  assert.deepEqual(third.ids, first.ids);
  assert.ok(third.waitedMs < 3_600_000);
  assert.deepEqual(await takeStale(app, "users", 1), { ids: [], waitedMs: 0, left: false });
});
