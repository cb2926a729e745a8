import assert from "node:assert/strict";
import { test } from "node:test";
import { createTestDatabase } from "../../../../testing/database.ts";
import type { Queryable } from "../../core/ports/database.ts";
import { confirmClock, readTrustedTime } from "./trusted-time.ts";

const hour = 3_600;
const day = 24 * hour;
/** Trusted time of the database when a test begins, in seconds since 1970. */
const start = Date.UTC(2026, 5, 1) / 1000;

interface Ticked {
  readonly trusted: number;
  readonly kind: string | null;
  readonly deviation: number | null;
}

/** Machines whose clocks and uptime are set by the test, in seconds after `start`. */
async function ticker(database: { readonly owner: Queryable; readonly app: Queryable }) {
  await database.owner.query({
    text: "update clock.state set trusted = to_timestamp($1), weir = to_timestamp($1)",
    values: [start],
  });
  return async (about: {
    readonly uptime: number;
    readonly postgresql: number;
    readonly weir?: number;
    readonly boot?: string;
  }): Promise<Ticked> => {
    const { boot = "a", uptime, postgresql, weir = postgresql } = about;
    const [row] = await database.app.query<Ticked>({
      text: `select extract(epoch from trusted)::float8 - $5 as trusted, kind, deviation_s as deviation
             from clock.tick($1, $2, to_timestamp($3), to_timestamp($4))`,
      values: [boot, uptime, start + postgresql, start + weir, start],
    });
    assert.ok(row !== undefined);
    return { ...row, trusted: Math.round(row.trusted * 1000) / 1000 };
  };
}

test("trusted time advances by the uptime, whatever both clocks say, and the end of a step is noticed", async (t) => {
  const tick = await ticker(await createTestDatabase(t));
  assert.deepEqual(await tick({ uptime: 100, postgresql: 2 }), {
    trusted: 2,
    kind: null,
    deviation: null,
  });
  let passed = 0;
  for (const offset of [40 * day, -30 * day, 3 * hour, -3 * hour, 1, -1]) {
    passed += 5;
    const stepped = await tick({ uptime: 100 + passed, postgresql: 2 + passed + offset });
    assert.equal(stepped.trusted, 2 + passed, `${offset}`);
    assert.equal(stepped.kind, "step");
    assert.ok(Math.abs((stepped.deviation ?? 0) - offset) < 0.01);
    passed += 5;
    const back = await tick({ uptime: 100 + passed, postgresql: 2 + passed });
    assert.deepEqual(back, { trusted: 2 + passed, kind: null, deviation: null });
  }
});

test("a step is believed when it has not changed for ten times its size: a minute at least, a day at most", async (t) => {
  const tick = await ticker(await createTestDatabase(t));
  let uptime = 0;
  let { trusted } = await tick({ uptime, postgresql: 0 });
  for (const [offset, wait] of [
    [2, 60],
    [600, 6_000],
    [40 * day, day],
    [-40 * day, day],
  ] as const) {
    const from = { uptime, trusted };
    const after = (passed: number) =>
      tick({ uptime: from.uptime + passed, postgresql: from.trusted + passed + offset });
    assert.equal((await after(10)).kind, "step");
    const waiting = await after(wait + 9);
    assert.deepEqual([waiting.kind, waiting.trusted], ["step", from.trusted + wait + 9]);
    const believed = await after(wait + 10);
    assert.deepEqual([believed.kind, believed.trusted], [null, from.trusted + wait + 10 + offset]);
    uptime = from.uptime + wait + 10;
    trusted = believed.trusted;
  }
});

test("a clock that keeps changing is not believed, nor is one that runs fast", async (t) => {
  const tick = await ticker(await createTestDatabase(t));
  await tick({ uptime: 0, postgresql: 0 });
  for (let n = 1; n <= 200; n++) {
    const { trusted } = await tick({ uptime: n * hour, postgresql: n * hour * 2 });
    assert.equal(trusted, n * hour);
  }
  // a tenth too fast is corrected as drift, a hundred times is not
  const { trusted } = await ticks(tick, { from: 200 * hour, rate: 1.05, count: 20 });
  assert.ok(trusted >= 200 * hour + 95, `${trusted}`);
});

/** Ticks every five seconds while the clocks run at `rate`; returns the last one. */
async function ticks(
  tick: Awaited<ReturnType<typeof ticker>>,
  { from, rate, count }: { readonly from: number; readonly rate: number; readonly count: number },
): Promise<Ticked> {
  let last: Ticked | undefined;
  for (let n = 1; n <= count; n++) {
    last = await tick({ uptime: from + n * 5, postgresql: from + n * 5 * rate });
  }
  assert.ok(last !== undefined);
  return last;
}

test("while the two clocks disagree neither is believed, and data ages by the earliest of all", async (t) => {
  const database = await createTestDatabase(t);
  const tick = await ticker(database);
  await tick({ uptime: 0, postgresql: 0 });
  for (let n = 1; n <= 30; n++) {
    const { trusted, kind } = await tick({
      uptime: n * hour,
      postgresql: n * hour,
      weir: n * hour - 10 * day,
    });
    assert.deepEqual([trusted, kind], [n * hour, "disagreement"]);
  }
  const [row] = await database.app.query<{ earliest: number; latest: number }>({
    text: `select extract(epoch from clock.earliest())::float8 as earliest,
             extract(epoch from clock.latest())::float8 as latest`,
  });
  assert.equal(row?.earliest, start + 30 * hour - 10 * day);
  assert.ok((row?.latest ?? 0) >= Date.now() / 1000 - 60, "PostgreSQL's real clock is ahead here");
});

test("after a restart of the machine an hour is believed; a longer stop waits, without being an alarm", async (t) => {
  const database = await createTestDatabase(t);
  const tick = await ticker(database);
  await tick({ uptime: 9_000, postgresql: 0 });
  const restarted = await tick({ boot: "b", uptime: 5, postgresql: 1_800 });
  assert.deepEqual([restarted.trusted, restarted.kind], [1_800, null]);
  const later = await tick({ boot: "c", uptime: 5, postgresql: 3 * day });
  assert.deepEqual([later.trusted, later.kind], [1_800, "offline"]);
  const waiting = await tick({ boot: "c", uptime: 65, postgresql: 3 * day + 60 });
  assert.deepEqual([waiting.trusted, waiting.kind], [1_860, "offline"]);
  const { before } = await confirmClock(database.owner);
  assert.equal(before.getTime() / 1000, start + 1_860);
  const { trusted, postgresql, kind } = await readTrustedTime(database.app);
  assert.ok(Math.abs(trusted.getTime() - postgresql.getTime()) < 10_000);
  assert.equal(kind, null);
});

test("a process that starts again on the same machine misses nothing of the uptime, and two machines agree", async (t) => {
  const tick = await ticker(await createTestDatabase(t));
  await tick({ uptime: 100, postgresql: 0 });
  const days = await tick({ uptime: 100 + 9 * day, postgresql: 9 * day });
  assert.deepEqual([days.trusted, days.kind], [9 * day, null]);
  const other = await tick({ boot: "b", uptime: 7, postgresql: 9 * day + 2 });
  assert.deepEqual([other.trusted, other.kind], [9 * day + 2, null]);
  const both = await tick({ uptime: 100 + 9 * day + 4, postgresql: 9 * day + 4 });
  assert.deepEqual([both.trusted, both.kind], [9 * day + 4, null]);
  const late = await tick({ uptime: 100 + 9 * day + 1, postgresql: 9 * day + 1 });
  assert.equal(late.trusted, both.trusted, "an older reading changes nothing");
});
