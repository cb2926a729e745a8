import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { add, decimalOf, decimalText, fits, multiply, parseDecimal } from "./decimal.ts";

const read = (text: string) => {
  const value = parseDecimal(text);
  assert.ok(value, text);
  return value;
};

test("price times quantity is exact", () => {
  assert.equal(decimalText(multiply(read("0.1"), read("3"))), "0.3");
  assert.equal(decimalText(multiply(read("1299.99"), read("3"))), "3899.97");
  assert.equal(
    decimalText(multiply(read("9007199254740993"), read("1000000000000.01"))),
    "9007199254741083071992547409.93",
  );
  assert.equal(decimalText(add(read("0.1"), read("0.2"))), "0.3");
  assert.equal(decimalText(add(read("-5"), read("0.05"))), "-4.95");
});

test("a number of at most 15 digits keeps its decimal value through a double", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: -999_999_999_999_999, max: 999_999_999_999_999 }),
      fc.integer({ min: -30, max: 30 }),
      (units, exponent) => {
        const token = `${units}e${exponent}`;
        const direct = read(token);
        const through = decimalOf(Number(token));
        assert.ok(through);
        const opposite = { units: -BigInt(through.units), scale: through.scale };
        assert.equal(add(direct, opposite).units, 0n, token);
      },
    ),
  );
});

test("text and value convert in both directions", () => {
  fc.assert(
    fc.property(fc.bigInt({ min: -(10n ** 40n), max: 10n ** 40n }), fc.nat(30), (units, scale) => {
      const back = read(decimalText({ units, scale }));
      assert.deepEqual([BigInt(back.units), back.scale], [units, scale]);
    }),
  );
});

test("exponents are resolved, and anything but a decimal is refused", () => {
  assert.equal(decimalText(read("1e3")), "1000");
  assert.equal(decimalText(read("1.5E-3")), "0.0015");
  for (const text of ["", " 1", "+1", ".5", "1.", "1,5", "0x10", "NaN", "Infinity", "1e", "--1"]) {
    assert.equal(parseDecimal(text), undefined, text);
  }
  assert.equal(parseDecimal(`1${"0".repeat(128)}`), undefined);
});

test("amounts have a maximum of digits on both sides of the decimal point", () => {
  const most = "9".repeat(30);
  assert.ok(fits(read(`${most}.${most}`), 30));
  assert.ok(fits(read("1"), 30));
  assert.ok(!fits(read(`1${most}`), 30));
  assert.ok(!fits(read(`-1${most}`), 30));
  assert.ok(!fits(read(`0.${most}1`), 30));
});

test("products beyond a safe integer stay exact, and zero has no sign", () => {
  fc.assert(
    fc.property(fc.maxSafeInteger(), fc.maxSafeInteger(), fc.nat(10), (a, b, scale) => {
      const product = multiply({ units: a, scale }, { units: b, scale: 1 });
      assert.equal(BigInt(product.units), BigInt(a) * BigInt(b));
      assert.equal(product.scale, scale + 1);
    }),
  );
  assert.equal(decimalText(read("-0")), "0");
  assert.equal(decimalText(multiply(read("-0.00"), read("5"))), "0.00");
});
