import assert from "node:assert/strict";
import { test } from "node:test";
import { sumOf } from "./money.ts";

test("sums are exact, whatever the digits", () => {
  assert.equal(sumOf([]), "0.00");
  assert.equal(sumOf([{ price: "0.10", quantity: 3 }]), "0.30");
  assert.equal(
    sumOf([
      { price: "9007199254740993.01", quantity: 2 },
      { price: "0.005", quantity: 1 },
    ]),
    "18014398509481986.025",
  );
  assert.equal(sumOf([{ price: "5", quantity: 2 }]), "10.00");
  assert.throws(() => sumOf([{ price: "1e3", quantity: 1 }]));
});
