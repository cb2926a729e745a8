import assert from "node:assert/strict";
import { test } from "node:test";
import { countRates, readRates } from "./rates.ts";

test("the rates are those of the sample", async () => {
  assert.deepEqual(await readRates(), {
    viewsPerVisit: 987 / 372,
    fillsCart: 10 / 372,
    pays: 9 / 10,
    pauseSeconds: 35,
  });
});

test("a purchase without a cart in the sample counts as a filled cart", () => {
  const row = (at: string, type: string, session: string) =>
    `2019-10-01 00:00:${at} UTC,${type},${session}`;
  const rows = [
    row("00", "view", "a"),
    row("20", "purchase", "a"),
    row("05", "cart", "b"),
    row("09", "view", "c"),
  ];
  const csv = ["event_time,event_type,user_session", ...rows].join("\n");
  assert.deepEqual(countRates(csv), {
    viewsPerVisit: 2 / 3,
    fillsCart: 2 / 3,
    pays: 1 / 2,
    pauseSeconds: 20,
  });
  assert.throws(() => countRates("event_time,user_session\n"), /no column event_type/);
});
