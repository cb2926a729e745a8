import assert from "node:assert/strict";
import { test } from "node:test";
import { decodeCursor, encodeCursor } from "./cursor.ts";
import { Problem } from "./problems.ts";

test("a cursor gives its key back, and any change of it or of the filters is refused", () => {
  const scope = { list: "products", category: "Garden" };
  const cursor = encodeCursor(scope, ["2.95", "84347"]);
  assert.deepEqual(decodeCursor(scope, cursor), ["2.95", "84347"]);
  const others = [
    "",
    "x",
    cursor.slice(0, -1),
    `${cursor}A`,
    ...Array.from(cursor, (character, index) => {
      const changed = character === "A" ? "B" : "A";
      return cursor.slice(0, index) + changed + cursor.slice(index + 1);
    }),
  ];
  for (const other of others) assert.throws(() => decodeCursor(scope, other), Problem, other);
  assert.throws(() => decodeCursor({ ...scope, category: "Home" }, cursor), Problem);
});
