import assert from "node:assert/strict";
import { test } from "node:test";
import { createNamedSeries } from "./named-series.ts";

test("a name keeps its series while it exists, and its place is free for another afterwards", () => {
  const series = createNamedSeries(2);
  assert.deepEqual([...series(["a", "b", "c"])], ["a", "b"]);
  assert.deepEqual([...series(["c", "b", "a"])], ["a", "b"], "whatever the order");
  assert.deepEqual([...series(["c", "b"])], ["b", "c"]);
  assert.deepEqual([...series([])], []);
});
