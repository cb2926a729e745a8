import assert from "node:assert/strict";
import { test } from "node:test";
import { isFirstRun } from "./first-run.ts";

test("is wrong in its first run", async (t) => {
  await t.test("below another", () => {
    assert.equal(isFirstRun(import.meta.filename), false);
  });
});
