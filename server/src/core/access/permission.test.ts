import assert from "node:assert/strict";
import { test } from "node:test";
import { compilePolicy, isPattern, isPermission, patternMistake } from "./permission.ts";

const policy = compilePolicy({
  role: ["analytics.get.*", "events.get.event_list"],
  extra: ["windows.post.window_rerun", "events.*.event_raw"],
  revoked: ["analytics.get.retention", "*.*.event_raw"],
});

test("a permission is three segments with an HTTP method in the middle", () => {
  for (const good of ["events.post.event_ingest", "common.get.healthz", "a1.delete.b_2"]) {
    assert.ok(isPermission(good), good);
  }
  for (const bad of [
    "",
    "*.*.*",
    "events.post",
    "events.post.event_ingest.x",
    "events.POST.event_ingest",
    "events.fetch.event_ingest",
    "events..event_ingest",
    "events.post.event_ingest\n",
    " events.post.event_ingest",
    "1.get.a",
    `a.get.${"x".repeat(64)}`,
    "__proto__.get.a",
  ]) {
    assert.ok(!isPermission(bad), bad);
  }
  assert.ok(isPattern("*.*.*"));
  assert.ok(!isPattern("events.*"));
});

test("revoked beats extra, extra beats role, and without a rule it is denied", () => {
  assert.deepEqual(policy.explain("analytics.get.overview"), {
    allowed: true,
    kind: "role",
    pattern: "analytics.get.*",
  });
  assert.deepEqual(policy.explain("analytics.get.retention"), {
    allowed: false,
    kind: "revoked",
    pattern: "analytics.get.retention",
  });
  assert.deepEqual(policy.explain("events.get.event_raw"), {
    allowed: false,
    kind: "revoked",
    pattern: "*.*.event_raw",
  });
  assert.deepEqual(policy.explain("windows.post.window_rerun"), {
    allowed: true,
    kind: "extra",
    pattern: "windows.post.window_rerun",
  });
  assert.deepEqual(policy.explain("auth.get.key_list"), { allowed: false, kind: "none" });
});

test("anything but a permission name is denied even to *.*.*", () => {
  const admin = compilePolicy({ role: ["*.*.*"], extra: [], revoked: [] });
  assert.ok(admin.decide("events.post.event_ingest"));
  for (const bad of ["", "*.*.*", "events.post", "events.post.a.b", "a.get.B"]) {
    assert.equal(admin.decide(bad), false, bad);
  }
});

test("a mistake in a pattern is explained", () => {
  assert.equal(patternMistake("events.*.*"), undefined);
  assert.match(patternMistake("events.*") ?? "", /2 segments/);
  assert.match(patternMistake("ev*.get.x") ?? "", /whole segment/);
  assert.match(patternMistake("events.fetch.x") ?? "", /HTTP method/);
  assert.match(patternMistake("Events.get.x") ?? "", /characters/);
});

test("a cached decision takes less than two microseconds", () => {
  const asked = "analytics.get.overview";
  for (let index = 0; index < 10_000; index++) policy.decide(asked);
  const rounds = Array.from({ length: 20 }, () => {
    const started = performance.now();
    for (let index = 0; index < 10_000; index++) policy.decide(asked);
    return performance.now() - started;
  });
  // of the round in which the machine did nothing else
  assert.ok(Math.min(...rounds) / 10 < 2);
});
