import { test } from "node:test";
import { TooLate } from "../too-late.ts";
import { isFirstRun } from "./first-run.ts";

test("is late in its first run", () => {
  if (isFirstRun(import.meta.filename)) throw new TooLate("waited 5 ms for the moon");
});

test("passes always", () => {});
