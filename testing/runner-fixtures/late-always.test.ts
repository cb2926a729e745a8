import { test } from "node:test";
import { TooLate } from "../too-late.ts";

test("is late in every run", () => {
  throw new TooLate("waited 5 ms for the sun");
});
