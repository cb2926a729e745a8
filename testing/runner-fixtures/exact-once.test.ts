import assert from "node:assert/strict";
import { test } from "node:test";
import { TooLate } from "../too-late.ts";
import { isFirstRun } from "./first-run.ts";

const isFirst = isFirstRun(import.meta.filename);

test("is late in its first run", () => {
  if (isFirst) throw new TooLate("waited 5 ms for the moon");
});

test("and loses an event", () => {
  if (isFirst) assert.equal(999, 1_000);
});
