import assert from "node:assert/strict";
import { test } from "node:test";
import { createTestDatabase } from "../../../../testing/database.ts";
import { type ClockReport, ClockWatch } from "./clock-watch.ts";
import { clockCheck, describe } from "./health.ts";
import { confirmClock } from "./trusted-time.ts";

const hourMs = 3_600_000;

/** A clock that the test can step, over PostgreSQL's real one. */
function steppedClocks() {
  const clocks = {
    offsetMs: 0,
    wall: () => Date.now() + clocks.offsetMs,
    uptime: () => performance.now() / 1000,
    monotonic: () => performance.now(),
    boot: crypto.randomUUID(),
  };
  return clocks;
}

test("a step is reported once when it begins and once when it ends; nothing expires later for it", async (t) => {
  const { app, owner } = await createTestDatabase(t);
  await confirmClock(owner);
  const clocks = steppedClocks();
  const reports: ClockReport[] = [];
  const watch = new ClockWatch({
    database: app,
    clocks,
    onChange: (report) => reports.push(report),
  });
  const near = (found: number, expected: number) => Math.abs(found - expected) < 2_000;
  assert.equal(watch.inDoubt(), false);
  await watch.tick();
  assert.equal((await clockCheck(watch)()).status, "ok");

  clocks.offsetMs = -3 * hourMs;
  assert.equal(watch.inDoubt(), true, "before the next tick");
  assert.ok(near(watch.latest(), Date.now()), "time has not gone back");
  await watch.tick();
  await watch.tick();
  const check = await clockCheck(watch)();
  assert.equal(check.status, "degraded");
  assert.match(check.detail ?? "", /PostgreSQL's clock is 3 h ahead of Weir's since .*NTP/);
  assert.equal(Math.round(Number(check.facts?.["postgresql_ahead_of_weir_s"])), 10_800);

  clocks.offsetMs = 30 * 24 * hourMs;
  assert.ok(near(watch.latest(), Date.now() + clocks.offsetMs), "what expires by then has expired");
  await watch.tick();
  clocks.offsetMs = 0;
  await watch.tick();
  assert.equal(watch.inDoubt(), false);
  assert.deepEqual(
    reports.map(({ kind }) => kind),
    ["disagreement", undefined],
  );
  assert.equal(watch.steps, 1);
});

test("without PostgreSQL a step is noticed by the uptime, and time continues", async (t) => {
  const { app, owner } = await createTestDatabase(t);
  await confirmClock(owner);
  const clocks = steppedClocks();
  const reports: ClockReport[] = [];
  let isDown = false;
  const watch = new ClockWatch({
    database: {
      query: (statement, options) =>
        isDown ? Promise.reject(new Error("down")) : app.query(statement, options),
    },
    clocks,
    onChange: (report) => reports.push(report),
  });
  await watch.tick();
  isDown = true;
  clocks.offsetMs = -hourMs;
  await watch.tick();
  assert.match(watch.problem() ?? "", /could not be compared: down/);
  assert.equal(reports.length, 1);
  assert.match(describe(reports[0] as ClockReport) ?? "", /60 min behind of trusted time/);
  assert.ok(Math.abs(watch.latest() - Date.now()) < 2_000);
});
