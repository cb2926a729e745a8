import assert from "node:assert/strict";
import { test } from "node:test";
import { createByteBudget } from "./byte-budget.ts";

test("shares together never take more than the budget", () => {
  const budget = createByteBudget(100);
  const first = budget.open();
  const second = budget.open();
  assert.equal(first.grow(60), true);
  assert.equal(second.grow(41), false);
  assert.equal(second.grow(40), true);
  assert.equal(budget.used, 100);
  first.release();
  first.release();
  assert.equal(budget.used, 40);
  assert.equal(first.grow(1), false, "a released share is over");
  second.release();
  assert.equal(budget.used, 0);
});

test("the share that has been open for longest gives way, and only as many as needed", () => {
  const budget = createByteBudget(100);
  const gone: string[] = [];
  const open = (name: string, bytes: number) => {
    const share = budget.open(() => gone.push(name));
    assert.equal(share.grow(bytes), true, name);
    return share;
  };
  open("a", 40);
  open("b", 30);
  const last = open("c", 30);
  assert.equal(last.grow(50), true);
  assert.deepEqual(gone, ["a", "b"]);
  assert.equal(budget.used, 80);
  assert.equal(last.grow(21), false, "a share does not give way to itself");
  assert.equal(last.grow(101), false, "what can never fit displaces nobody");
  assert.deepEqual(gone, ["a", "b"]);
});
