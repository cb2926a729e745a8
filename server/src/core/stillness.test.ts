import assert from "node:assert/strict";
import { test } from "node:test";
import { Stillness } from "./stillness.ts";

test("a value is as old as its first observation, whatever it says itself", () => {
  let now = 1_000;
  const stillness = new Stillness(() => now);
  assert.equal(stillness.of("lease", "2030-01-01"), 0);
  now += 2_500;
  assert.equal(stillness.of("lease", "2030-01-01"), 2_500);
  assert.equal(stillness.of("lease", "1999-01-01"), 0, "an earlier time is a new value too");
  now += 1;
  assert.equal(stillness.of("lease", "1999-01-01"), 1);
});

test("names that are not kept are observed again from the start", () => {
  let now = 0;
  const stillness = new Stillness(() => now);
  for (const name of ["a", "b"]) stillness.of(name, "");
  now = 10;
  stillness.keep(["a"]);
  assert.equal(stillness.of("a", ""), 10);
  assert.equal(stillness.of("b", ""), 0);
});
