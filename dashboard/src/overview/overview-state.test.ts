import assert from "node:assert/strict";
import { test } from "node:test";
import { changeOf, changeOfShare, directionOf } from "./change.ts";
import { readOverviewState, writeOverviewState } from "./overview-state.ts";

const read = (text: string) => readOverviewState(new URLSearchParams(text), "Europe/Istanbul");
const write = (text: string) => writeOverviewState(read(text)).toString();

test("the address holds the whole state", () => {
  for (const text of [
    "range=7d&tz=UTC&by=hour&metric=revenue&currency=TRY&compare=0&sort=views",
    "from=2026-11-01T00%3A00&to=2026-11-08T00%3A00&tz=Asia%2FTokyo&type=Order+Completed",
  ]) {
    assert.equal(write(text), text);
  }
});

test("range and zone are always in the address, so that a link shows everyone the same", () => {
  assert.equal(write(""), "range=24h&tz=Europe%2FIstanbul");
});

test("invalid parameters take their defaults", () => {
  const text =
    "range=forever&tz=Mars%2FOlympus&by=second&metric=%00&sort=price&from=x&to=y&compare=maybe";
  assert.equal(write(text), "range=24h&tz=Europe%2FIstanbul");
  assert.equal(write("from=2026-11-08T00:00&to=2026-11-01T00:00&tz=UTC"), "range=24h&tz=UTC");
});

test("a change has a direction, and a change from zero is new, not infinite", () => {
  assert.deepEqual(changeOf(120, 100), { kind: "ratio", ratio: 0.2 });
  assert.deepEqual(changeOf(100_010, 100_000), { kind: "same" });
  assert.deepEqual(changeOf(5, 0), { kind: "new" });
  assert.deepEqual(changeOf(0, 0), { kind: "same" });
  assert.equal(directionOf(changeOf(80, 100)), "down");
  assert.equal(directionOf(changeOf(5, 0)), "up");
});

test("shares change by points, and an undefined share has no change", () => {
  assert.deepEqual(changeOfShare(null, 0.1), { kind: "unknown" });
  assert.deepEqual(changeOfShare(0.0401, 0.04), { kind: "same" });
  const change = changeOfShare(0.05, 0.04);
  assert.equal(change.kind, "points");
  assert.equal(directionOf(change), "up");
});
