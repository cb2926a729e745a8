import assert from "node:assert/strict";
import { test } from "node:test";
import { isAmount, totalOf } from "./money.ts";

test("a total is exact where doubles are not", () => {
  assert.equal(totalOf([{ price: "0.1", quantity: 3 }]), "0.30");
  assert.equal(totalOf([{ price: "1.005", quantity: 1 }]), "1.005");
  assert.equal(totalOf([{ price: "90071992547409.93", quantity: 999 }]), "89981920554862520.07");
});

test("a total adds prices of different precision and has at least two digits after the point", () => {
  assert.equal(
    totalOf([
      { price: "2", quantity: 2 },
      { price: "0.55", quantity: 3 },
      { price: "0.125", quantity: 2 },
    ]),
    "5.900",
  );
  assert.equal(totalOf([{ price: "7", quantity: 1 }]), "7.00");
  assert.equal(totalOf([]), "0.00");
});

test("what is not an amount is refused", () => {
  for (const text of ["", "-1", "1,5", ".5", "1.", "1e3", " 1", "NaN", "1.12345"]) {
    assert.equal(isAmount(text), false, text);
    assert.throws(() => totalOf([{ price: text, quantity: 1 }]), RangeError, text);
  }
  assert.equal(isAmount("12.50"), true);
});
